"""From libav's sound frames to one array: mono, without holes, at the rate that is wanted."""

import av
import numpy as np

from storage.media.stream import MAX_GAP_S

JITTER_S = 0.02
"""Containers with a coarse clock shift sound packets by about a millisecond; that is not a gap."""
FRONT = ("FL", "FR", "FC", "LFE")


class AudioConverter:
    """Sound frames in, one array out: mixed to mono, holes filled by timestamp, resampled as it goes."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
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
        if gap > MAX_GAP_S * rate:
            return f"its timestamps jump by {gap / rate:.0f} s; the rest is left out"
        for planar in self._planar.resample(frame):
            mono = self._mono(planar)
            if self._at == 0 or abs(gap) > JITTER_S * rate:
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
