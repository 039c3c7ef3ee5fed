"""From one decoded frame to an upright array of RGB with square pixels, or to the picture as it was coded.

Which frames are wanted is decided in video_frames.py.
"""

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from storage.media.coded_picture import (
    UPRIGHT,
    Orientation,
    Picture,
    colours_of,
    display_size,
    orientation,
)

HDR_TRANSFERS = (16, 18)
"""PQ and HLG, as numbered in H.273."""
BT709 = {"dst_color_trc": ColorTrc.BT709, "dst_color_primaries": ColorPrimaries.BT709}

PLANAR = {f"yuv{letter}{kind}p" for letter in ("", "j") for kind in (410, 411, 420, 422, 440, 444)}
MAX_KEPT_PIXELS = 4096 * 2304
"""A face tracker keeps a second of pictures; larger ones are halved so that they fit into its memory."""
UNTAGGED = 2


@dataclass(frozen=True)
class Plan:
    """What is to be done to every frame of one coded size: worked out once, because frames are many."""

    coded: tuple[int, int]
    oriented: Orientation
    arguments: dict[str, Any]


class FrameConverter:
    """One per stream: swscale keeps its tables between frames, and a frame that repeats isn't done twice."""

    def __init__(self, size: int | tuple[int, int] | None, sar: Any) -> None:
        self._size, self._sar = size, sar
        self._scaler = VideoReformatter()
        self._plan: Plan | None = None
        self._last: tuple[Any, np.ndarray] | None = None

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        if self._last is None or self._last[0] is not frame:
            self._last = None  # frees its memory first, so that the next picture finds it in the cache
            self._last = frame, self._convert(frame)
        return self._last[1]

    def _convert(self, frame: av.VideoFrame) -> np.ndarray:
        if self._plan is None or self._plan.coded != (frame.width, frame.height):
            self._plan = self._planned(frame)
        rgb = self._scaler.reformat(frame, **self._plan.arguments).to_ndarray()
        if self._plan.oriented == UPRIGHT:
            return rgb
        swap, flip_rows, flip_columns = self._plan.oriented
        turned = rgb.transpose(1, 0, 2) if swap else rgb
        return np.ascontiguousarray(turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])

    def _planned(self, frame: av.VideoFrame) -> Plan:
        oriented = orientation(frame)
        width, height = self._wanted(display_size(frame, self._sar, oriented[0]))
        if oriented[0]:
            width, height = height, width
        smaller = width * height < frame.width * frame.height
        arguments = {
            "width": width,
            "height": height,
            "format": "rgb24",
            "src_colorspace": _colorspace(frame),
            "interpolation": Interpolation.AREA if smaller else Interpolation.BICUBIC,
            "threads": 1,
        }
        hdr = frame.color_trc in HDR_TRANSFERS
        return Plan((frame.width, frame.height), oriented, arguments | (BT709 if hdr else {}))

    def _wanted(self, shown: tuple[int, int]) -> tuple[int, int]:
        if isinstance(self._size, tuple):
            return self._size
        if self._size is None or max(shown) <= self._size:
            return shown
        shrink = self._size / max(shown)
        return max(1, round(shown[0] * shrink)), max(1, round(shown[1] * shrink))


def _colorspace(frame: av.VideoFrame) -> int | None:
    """Untagged video is BT.709 from 720 lines on, by custom of every player; libav would say BT.601."""
    untagged = frame.colorspace == UNTAGGED
    return int(Colorspace.ITU709) if untagged and frame.height >= 720 else None


class PictureConverter:
    """One per stream. Most video is 8-bit planar YUV already and is passed on without being touched."""

    def __init__(self, sar: Any) -> None:
        self._sar = sar
        self._scaler = VideoReformatter()
        self._last: Picture | None = None
        self._source: av.VideoFrame | None = None

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """The same object for the same frame, so that whoever looks at it can tell a repetition."""
        if self._last is None or self._source is not frame:
            self._source, self._last = frame, self._convert(frame)
        return self._last

    def _convert(self, frame: av.VideoFrame) -> Picture:
        oriented = orientation(frame)
        size = display_size(frame, self._sar, oriented[0])
        halvings = 0
        while frame.width * frame.height >> (2 * halvings) > MAX_KEPT_PIXELS:
            halvings += 1
        hdr = frame.color_trc in HDR_TRANSFERS
        if frame.format.name in PLANAR and not hdr and not halvings:
            full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
            return Picture(
                frame, size, oriented, *colours_of(_colorspace(frame) or int(frame.colorspace), full)
            )
        planar = self._scaler.reformat(
            frame,
            width=max(2, frame.width >> halvings),
            height=max(2, frame.height >> halvings),
            format="yuv420p" if len(frame.format.components) > 1 and _subsampled(frame) else "yuv444p",
            src_colorspace=_colorspace(frame),
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA if halvings else Interpolation.BICUBIC,
            threads=1,
            **(BT709 if hdr else {}),
        )
        return Picture(planar, size, oriented, *colours_of(1, False))


def _subsampled(frame: av.VideoFrame) -> bool:
    return frame.format.chroma_width(2) == 1
