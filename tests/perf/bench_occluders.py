"""What masks of occluders take to store and to make, and what else they might have been stored as."""

import io
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pyarrow as pa

from models.mini.world_clips import make_clip
from models.segment import load_segmenter
from models.segment.segmenter import Prompt, box_of
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video
from tasks.masks import LEVEL, pack, unpack
from tests.perf.line import Line, Say

KINDS = ("hand", "microphone", "book", "hair")
FRAMES, LARGE = 50, 12
"""Frames of a clip of 64 pixels, and of one of 512, which takes longer to draw."""

Form = tuple[Callable[[np.ndarray], bytes], Callable[[bytes, tuple[int, ...]], np.ndarray]]


def lines(say: Say) -> list[Line]:
    return [*_storing(say), *_following(say)]


def _storing(say: Say) -> list[Line]:
    say(f"{len(KINDS)} occluders at 64 and at 512 pixels")
    small = [make_clip(7, n, FRAMES, kind=kind).occluder_FHW for n, kind in enumerate(KINDS)]
    large = [make_clip(7, n, LARGE, 512, kind=kind).occluder_FHW for n, kind in enumerate(KINDS)]
    forms: dict[str, Form] = {
        "run lengths": (_runs, _unrun),
        "lossless H.264": (lambda m: _video(m, "libx264", "mp4", {"qp": "0"}), _unvideo),
        "FFV1": (lambda m: _video(m, "ffv1", "matroska", {"level": "3"}), _unvideo),
    }
    ours: Form = (pack, lambda data, shape: unpack(data))
    size, _, _ = _cost(ours, small)
    size_large, wrote, read = _cost(ours, large)
    found = [
        Line("mask, 64 pixels, bytes/frame", size, at_most=40),
        Line("mask, 512 pixels, bytes/frame", size_large, at_most=800),
        Line("mask, 512 pixels, reading", read, " ms", at_most=1.0, note=f"writing {wrote:.2f} ms a frame"),
    ]
    for name, form in forms.items():
        size, wrote, read = _cost(form, large)
        note = f"bytes/frame; reading {read / found[2].value:.0f} times as long"
        found.append(Line(f"  as {name}", size, note=note))
    return found


def _cost(form: Form, masks: list[np.ndarray]) -> tuple[float, float, float]:
    """Bytes a frame, ms a frame to write and to read."""
    write, read = form
    size, spent = 0, [0.0, 0.0]
    for mask_FHW in masks:
        begun = time.process_time()
        data = write(mask_FHW)
        written = time.process_time()
        back_FHW = read(data, mask_FHW.shape)
        spent[0] += written - begun
        spent[1] += time.process_time() - written
        assert np.array_equal(back_FHW, mask_FHW), "not lossless"
        size += len(data)
    count = sum(len(mask_FHW) for mask_FHW in masks)
    return size / count, 1000 * spent[0] / count, 1000 * spent[1] / count


def _runs(mask_FHW: np.ndarray) -> bytes:
    """Where bits change, as distances of 32 bits under zstd: what varying lengths would save, it saves."""
    edges = np.flatnonzero(np.diff(mask_FHW.ravel().view(np.int8), prepend=0))
    codec = pa.Codec("zstd", compression_level=LEVEL)
    runs = np.diff(edges, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes()
    return len(edges).to_bytes(4, "little") + codec.compress(runs, asbytes=True)


def _unrun(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    count = int.from_bytes(data[:4], "little")
    raw = pa.Codec("zstd").decompress(data[4:], 4 * count, asbytes=True)
    runs = np.frombuffer(raw, np.uint8).reshape(4, -1).T.copy().view("<u4")[:, 0]
    flips = np.zeros(int(np.prod(shape)), np.uint8)
    flips[np.cumsum(runs)] = 1
    return np.bitwise_xor.accumulate(flips).astype(bool).reshape(shape)


def _video(mask_FHW: np.ndarray, codec: str, kind: str, options: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *mask_FHW.shape[1:], "gray"
        stream.codec_context.thread_count = 1
        for mask_HW in mask_FHW:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(mask_HW.astype(np.uint8) * 255, "gray")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _unvideo(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    with av.open(io.BytesIO(data), "r") as container:
        container.streams.video[0].codec_context.thread_count = 1
        return np.stack([frame.to_ndarray(format="gray") > 127 for frame in container.decode(video=0)])


# -- making them ---------------------------------------------------------------------------------------


def _following(say: Say) -> list[Line]:
    say("the mini SAM 2 on one core")
    clip = make_clip(7, 1, FRAMES, kind="cup")
    prompt = Prompt(FRAMES // 2, box_of(clip.occluder_FHW[FRAMES // 2]))
    segmenter = load_segmenter("sam2", "mini:sam2")
    video = encode_video(None, clip.rgb_FHWC, 25)
    one = _seconds(lambda: segmenter.propagate(clip.rgb_FHWC, [prompt]))
    two = _seconds(lambda: segmenter.propagate(clip.rgb_FHWC, [prompt, prompt]))
    read = _seconds(lambda: _decode(video))
    return [
        Line("mini SAM 2, frames/s/core", FRAMES / one, at_least=15),
        Line("  a second object costs", two / one - 1, note="of the first"),
        Line("  share of decoding", read / (read + one), at_most=0.1),
    ]


def _decode(video: bytes) -> int:
    with open_media(io.BytesIO(video)) as media:
        return sum(1 for _ in decode_video(media))


def _seconds(call: Callable[[], object]) -> float:
    call()
    begun = time.process_time()
    call()
    return time.process_time() - begun
