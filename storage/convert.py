"""From libav's decoded frames to arrays: upright square-pixel RGB, planes, and mono sound without holes.

Split from media.py, which decides *which* frames are wanted; this says what becomes of one.
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

from storage.picture import Orientation, Picture, recolouring, rgb_matrix

HDR_TRANSFERS = (16, 18)
"""PQ and HLG, as numbered in H.273."""
BT709 = {"dst_color_trc": ColorTrc.BT709, "dst_color_primaries": ColorPrimaries.BT709}

MAX_STRETCH = 4.0
"""No format has longer pixels; a header that says so is broken, and would make the picture enormous."""
FRONT = ("FL", "FR", "FC", "LFE")

PLANAR = {f"yuv{letter}{kind}p" for letter in ("", "j") for kind in (410, 411, 420, 422, 440, 444)}
MAX_KEPT_PIXELS = 4096 * 2304
"""A face tracker keeps a second of pictures; larger ones are halved so that they fit into its memory."""
UNTAGGED = 2
UPRIGHT: Orientation = (False, False, False)


def orientation(frame: av.VideoFrame) -> Orientation:
    """(swap axes, flip up-down, flip left-right) that the display matrix asks for, in that order.

    The matrix maps x' = a x + c y and y' = b x + d y; phones write quarter turns, selfie cameras mirror.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    swap = abs(b) > abs(a)
    return bool(swap), bool((b if swap else d) < 0), bool((c if swap else a) < 0)


def display_size(frame: av.VideoFrame, sar: Any, swap: bool) -> tuple[int, int]:
    """(width, height) with square pixels, upright; the longer pixel side keeps its resolution."""
    ratio = float(sar or 1)
    if not 1 / MAX_STRETCH <= ratio <= MAX_STRETCH:
        ratio = 1.0
    width, height = (frame.width * ratio, frame.height) if ratio >= 1 else (frame.width, frame.height / ratio)
    size = max(1, round(width)), max(1, round(height))
    return size[::-1] if swap else size


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
            rgb_34 = rgb_matrix(_colorspace(frame) or int(frame.colorspace), full)
            same = np.allclose(rgb_34, rgb_matrix(1, False))
            return Picture(frame, size, oriented, rgb_34, None if same else recolouring(rgb_34))
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
        return Picture(planar, size, oriented, rgb_matrix(1, False), None)


def _subsampled(frame: av.VideoFrame) -> bool:
    return frame.format.chroma_width(2) == 1


class AudioConverter:
    """Sound frames in, one array out: mixed to mono, holes filled by timestamp, resampled as it goes."""

    def __init__(self, rate: int, jitter_s: float, max_gap_s: float) -> None:
        self._rate, self._jitter, self._max_gap = rate, jitter_s, max_gap_s
        self._planar = av.AudioResampler(format="fltp")
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        self._source: int | None = None
        self._at = 0
        self.over = 1.0
        self._pieces: list[np.ndarray] = []
        self.nonfinite = 0

    def push(self, frame: av.AudioFrame, time: float | None) -> str:
        """Adds one frame that starts `time` s after the span; answers why to stop, or ''."""
        if self._source not in (None, frame.sample_rate):
            return f"the sample rate changes to {frame.sample_rate} Hz; the rest is left out"
        if not 4000 <= frame.sample_rate <= 768000:
            return f"a sample rate of {frame.sample_rate} Hz is not sound"
        self._source = rate = frame.sample_rate
        gap = 0 if time is None else round(time * rate) - self._at
        if gap > self._max_gap * rate:
            return f"its timestamps jump by {gap / rate:.0f} s; the rest is left out"
        for planar in self._planar.resample(frame):
            mono = self._mono(planar)
            if self._at == 0 or abs(gap) > self._jitter * rate:
                mono = np.concatenate([np.zeros(max(gap, 0), np.float32), mono[max(-gap, 0) :]])
            gap = 0
            self._resample(mono)
        return ""

    def take(self) -> np.ndarray:
        """What is ready, not yet divided by `over`; it is forgotten here."""
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        self._pieces = []
        return samples

    def finish(self) -> np.ndarray:
        if self._source is not None and self._at:
            self._pieces += [out.to_ndarray()[0] for out in self._resampler.resample(None)]
        return self.take() / np.float32(self.over)

    def _mono(self, frame: av.AudioFrame) -> np.ndarray:
        """Speech sits in the centre, which therefore keeps its level; the bass channel holds none."""
        samples = frame.to_ndarray()
        bad = ~np.isfinite(samples)
        if bad.any():
            self.nonfinite += int(bad.sum())
            samples = np.where(bad, np.float32(0), samples)
        if len(samples) == 1:
            return samples[0]
        mono = mix_weights([c.name for c in frame.layout.channels]) @ samples
        peak = np.abs(samples).max(initial=0.0)
        # Only what mixing added is taken back at the end; a source that was too loud stays as it is.
        self.over = max(self.over, float(np.abs(mono).max(initial=0.0)) / max(float(peak), 1.0))
        return mono

    def _resample(self, mono: np.ndarray) -> None:
        if not len(mono):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[None], np.float32), "fltp", "mono")
        frame.sample_rate = self._source or self._rate
        self._at += len(mono)
        self._pieces += [out.to_ndarray()[0] for out in self._resampler.resample(frame)]


def mix_weights(channels: list[str]) -> np.ndarray:
    """Weights to mono by channel name: plain average without a centre, else centre first.

    Six or eight nameless channels are taken for 5.1 and 7.1, which start with these four.
    """
    if len(channels) in (6, 8) and not set(channels) & set(FRONT):
        channels = [*FRONT, *channels[4:]]
    if "FC" not in channels:
        voiced = [c not in ("LFE", "LFE2") for c in channels]
        return np.array(voiced, np.float32) / max(sum(voiced), 1)
    gain = {"FC": 1.0, "FL": 0.5, "FR": 0.5, "LFE": 0.0, "LFE2": 0.0}
    return np.array([gain.get(c, 0.35) for c in channels], np.float32)
