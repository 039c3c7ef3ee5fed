"""Writes video and pictures the way every reader agrees on: H.264 4:2:0 with AAC in MP4, JPEG, PNG.

The same input gives the same bytes: one thread per encoder, no dates, no version strings, and of x264 only
what does not depend on the processor. That lets a table recognise an unchanged clip, and many worker
processes share the machine without fighting for it.
"""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from storage.media.renderer import comment_of

BT709 = 1
"""As H.273 numbers it, for matrix, transfer and primaries alike."""
SAME_EVERYWHERE = {"x264-params": "cpu-independent=1"}
"""x264's macroblock tree for AVX-512 takes eight blocks at a time and does not stop at a row's end.

Where a picture is not a multiple of 128 pixels wide (a clip of 64) it counts memory that nobody has written, in
every preset that has both the tree and B-frames: veryfast and slower. This option takes the tree's plain C code.
"""
AUDIO_CHUNK = 1024
FLAC_CHUNK = 4096


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
    renderer: str = "",
) -> bytes:
    """RGB uint8 frames and mono float sound to MP4: into `file`, or returned when `file` is None.

    `renderer`: what made the pictures, where no camera did; the file says so.
    """
    sound = rate if audio is not None else None
    writer = VideoWriter(file, fps, codec, crf, preset, threads, sound, renderer)
    scaler = VideoReformatter()
    for rgb in frames:
        writer.write(_to_yuv(scaler, rgb))
    return writer.finish(audio)


class VideoWriter:
    """One MP4 that is written as its frames come; its sound, which is small, comes at the end."""

    def __init__(
        self,
        file: str | Path | BinaryIO | None,
        fps: float,
        codec: str = "libx264",
        crf: int = 18,
        preset: str = "veryfast",
        threads: int = 1,
        rate: int | None = None,
        renderer: str = "",
    ) -> None:
        self._buffer = io.BytesIO()
        target: Any = str(file) if isinstance(file, Path) else file or self._buffer
        # Pictures wait in the muxer until their sound is there, however long that takes.
        options = {"fflags": "+bitexact", "max_interleave_delta": "0"}
        self._container = av.open(target, "w", format="mp4", options=options)
        if renderer:
            self._container.metadata["comment"] = comment_of(renderer)
        self._stream: Any = self._container.add_stream(
            codec,
            rate=Fraction(fps).limit_denominator(1001),
            options={"crf": str(crf), "preset": preset} | (SAME_EVERYWHERE if codec == "libx264" else {}),
        )
        self._threads, self._rate = threads, rate
        self._sound = self._container.add_stream("aac", rate=rate, layout="mono") if rate else None
        self.frames = 0

    def write(self, frame: av.VideoFrame) -> None:
        """The next frame, yuv420p in BT.709 of limited range."""
        if self.frames == 0:
            _describe(self._stream, frame.width, frame.height, self._threads)
        frame.pts, frame.time_base = self.frames, 1 / self._stream.codec_context.framerate
        self.frames += 1
        self._container.mux(self._stream.encode(frame))

    def finish(self, audio: np.ndarray | None = None) -> bytes:
        """Closes the file; its bytes, where no file was given."""
        if self.frames == 0:
            raise ValueError("encode_video got no frames; a video needs at least one")
        if self._sound is not None:
            assert audio is not None
            assert self._rate
            _write_sound(self._container, self._sound, audio, self._rate)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._buffer.getvalue()

    def drop(self) -> None:
        """Frees what it holds: nobody wants this video."""
        self._container.close()


def _describe(stream: Any, width: int, height: int, threads: int) -> None:
    if height % 2 or width % 2:
        raise ValueError(f"H.264 4:2:0 needs an even size, not {width}x{height}; crop or scale by one pixel")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.thread_count = threads
    context.color_range = int(ColorRange.MPEG)
    context.colorspace = context.color_primaries = context.color_trc = BT709


def _to_yuv(scaler: VideoReformatter, rgb: np.ndarray) -> av.VideoFrame:
    return scaler.reformat(
        av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), "rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


def _write_sound(container: Any, stream: Any, audio: np.ndarray, rate: int) -> None:
    samples = _checked(audio)
    stream.codec_context.bit_rate = 96000
    for at in range(0, len(samples), AUDIO_CHUNK):
        container.mux(stream.encode(_sound_frame(samples[at : at + AUDIO_CHUNK], rate, at)))
    container.mux(stream.encode(None))


def encode_flac(audio: np.ndarray, rate: int) -> bytes:
    """Mono sound, 16 bits, exactly as long as it is."""
    buffer = io.BytesIO()
    pcm = np.round(_checked(audio) * 32767).astype(np.int16)
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream("flac", rate=rate, layout="mono")
        for at in range(0, len(pcm), FLAC_CHUNK):
            container.mux(stream.encode(_sound_frame(pcm[at : at + FLAC_CHUNK], rate, at, "s16")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _checked(audio: np.ndarray) -> np.ndarray:
    samples = np.clip(np.asarray(audio, np.float32), -1.0, 1.0)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError("sound must be one row of finite samples: mix it to mono and replace NaN first")
    return samples


def _sound_frame(samples: np.ndarray, rate: int, at: int, kind: str = "fltp") -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), kind, "mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame
