"""Writes video and pictures the way every reader agrees on: H.264 4:2:0 with AAC in MP4, JPEG, PNG.

The same input gives the same bytes: one thread per encoder, no dates, no version strings. That lets a
table recognise an unchanged clip, and many worker processes share the machine without fighting for it.
"""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

BT709 = 1
"""As H.273 numbers it, for matrix, transfer and primaries alike."""
FULL_RANGE = 2
AUDIO_CHUNK = 1024


def encode_video(
    file: str | Path | BinaryIO | None,
    frames: Iterable[np.ndarray],
    fps: float,
    audio: np.ndarray | None = None,
    rate: int = 16000,
    codec: str = "libx264",
    crf: int = 18,
    preset: str = "veryfast",
    threads: int = 1,
) -> bytes:
    """RGB uint8 frames and mono float sound to MP4: into `file`, or returned when `file` is None."""
    buffer = io.BytesIO()
    target: Any = str(file) if isinstance(file, Path) else file or buffer
    options = {"crf": str(crf), "preset": preset}
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        sound = _Sound(container, audio, rate) if audio is not None else None
        scaler = VideoReformatter()
        index = -1
        for index, rgb in enumerate(frames):
            if index == 0:
                _describe(stream, rgb, threads)
            container.mux(stream.encode(_to_yuv(scaler, rgb, index, stream)))
            if sound:
                sound.write_until((index + 1) / fps)
        if index < 0:
            raise ValueError("encode_video got no frames; a video needs at least one")
        container.mux(stream.encode(None))
        if sound:
            sound.finish()
    return buffer.getvalue()


def _describe(stream: Any, rgb: np.ndarray, threads: int) -> None:
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"H.264 4:2:0 needs an even size, not {width}x{height}; crop or scale by one pixel")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.thread_count = threads
    context.color_range = int(ColorRange.MPEG)
    context.colorspace = context.color_primaries = context.color_trc = BT709


def _to_yuv(scaler: VideoReformatter, rgb: np.ndarray, index: int, stream: Any) -> av.VideoFrame:
    frame = scaler.reformat(
        av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), "rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    frame.pts, frame.time_base = index, 1 / stream.codec_context.framerate
    return frame


class _Sound:
    """The sound track, written a little at a time so that it lies beside its pictures in the file."""

    def __init__(self, container: Any, samples: np.ndarray, rate: int) -> None:
        self._container, self._rate, self._at = container, rate, 0
        self._samples = np.clip(np.asarray(samples, np.float32), -1.0, 1.0)
        if self._samples.ndim != 1 or not np.isfinite(self._samples).all():
            raise ValueError("sound must be one row of finite samples: mix it to mono and replace NaN first")
        self._stream = container.add_stream("aac", rate=rate, layout="mono")
        self._stream.codec_context.bit_rate = 96000

    def write_until(self, seconds: float) -> None:
        until = min(round(seconds * self._rate), len(self._samples))
        while self._at + AUDIO_CHUNK <= until:
            self._write(AUDIO_CHUNK)

    def finish(self) -> None:
        while self._at < len(self._samples):
            self._write(AUDIO_CHUNK)
        self._container.mux(self._stream.encode(None))

    def _write(self, count: int) -> None:
        chunk = self._samples[None, self._at : self._at + count]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
        self._at += chunk.shape[1]
        self._container.mux(self._stream.encode(frame))


def encode_jpeg(rgb: np.ndarray, quality: int = 85) -> bytes:
    """Full-range JPEG; `quality` 1..100 as elsewhere, mapped to libav's quantiser (31 worst, 2 best)."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality goes from 1 to 100, not {quality}")
    scale = str(round(2 + (100 - quality) * 29 / 99))
    options = {"qmin": scale, "qmax": scale, "bitexact": "1"}
    return _picture(rgb, "mjpeg", "yuvj444p" if quality > 90 else "yuvj420p", options)


def encode_png(rgb: np.ndarray) -> bytes:
    return _picture(rgb, "png", "rgb24", {})


def _picture(rgb: np.ndarray, codec: str, pix_fmt: str, options: dict[str, str]) -> bytes:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
    if pix_fmt != "rgb24":
        # JPEG has no colour tags: by convention it is BT.601 over the full range.
        frame = frame.reformat(
            format=pix_fmt, dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG, threads=1
        )
    frame.pts = 0
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pix_fmt
    context.time_base, context.options, context.thread_count = Fraction(1, 25), options, 1
    if pix_fmt != "rgb24":
        context.color_range = FULL_RANGE
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
