"""How much decode_video and encode_video cost over PyAV's bare loop doing the same work.

    python -m tests.perf media

Both sides run interleaved in one process and the best of several runs counts, so that a busy machine
slows both.
"""

import io
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video
from tests.perf.line import Line, Say

ROUNDS = 7
SIZE, COUNT = 512, 40


def lines(say: Say) -> list[Line]:
    say(f"decode and encode {COUNT} frames, {ROUNDS} times")
    return [
        Line(f"{name}, over bare PyAV", ratio, "x", at_most=1.1) for name, ratio in media_ratios().items()
    ]


def media_ratios(rounds: int = ROUNDS) -> dict[str, float]:
    """Name of the work -> our time / PyAV's time."""
    frames = _moving_frames()
    encoded = encode_video(None, frames, 25)
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(encoded)
        file.flush()
        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "decode": (lambda: _ours(file.name, None), lambda: _bare(file.name, SIZE)),
            "decode, scaled": (lambda: _ours(file.name, 256), lambda: _bare(file.name, 256)),
            "encode": (lambda: encode_video(None, frames, 25), lambda: _bare_encode(frames)),
        }
        return {name: _ratio(ours, bare, rounds) for name, (ours, bare) in pairs.items()}


def _ratio(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> float:
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, work in enumerate((ours, bare)):
            start = time.process_time()
            work()
            best[i] = min(best[i], time.process_time() - start)
    return best[0] / best[1]


def _moving_frames() -> list[np.ndarray]:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    wave = [np.sin((x + 3 * i) / 17) + np.cos((y - 2 * i) / 23) for i in range(COUNT)]
    noise = np.random.default_rng(0).integers(0, 12, (SIZE, SIZE, 3))
    return [(w[..., None] * (50, 40, 30) + 120 + noise).astype(np.uint8) for w in wave]


def _ours(path: str, size: int | None) -> None:
    with open(path, "rb") as file, open_media(file) as media:
        count = sum(rgb.shape[2] == 3 for rgb in decode_video(media, fps=25.0, size=size))
    assert count == COUNT


def _bare(path: str, size: int) -> None:
    how = Interpolation.AREA if size < SIZE else Interpolation.BICUBIC
    with open(path, "rb") as file, av.open(file) as container:
        container.streams.video[0].codec_context.thread_count = 1
        scaler = VideoReformatter()
        count = 0
        for frame in container.decode(video=0):
            scaled = scaler.reformat(
                frame, width=size, height=size, format="rgb24", interpolation=how, threads=1
            )
            count += scaled.to_ndarray().shape[2] == 3
    assert count == COUNT


def _bare_encode(frames: list[np.ndarray]) -> None:
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(25), options={"crf": "18", "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
        stream.codec_context.thread_count = 1
        scaler = VideoReformatter()
        for i, rgb in enumerate(frames):
            frame = scaler.reformat(
                av.VideoFrame.from_ndarray(rgb, "rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
