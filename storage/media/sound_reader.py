"""The sound of a file, read forward beside its picture: a second reader, so that neither waits for the other.

Files exist whose sound lies gigabytes behind its picture. Two readers of one file each go their own way
and keep only what is still wanted.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from storage.media.container import Media
from storage.media.convert_sound import AudioConverter
from storage.media.decode import Audio
from storage.media.stream import Faults, Mark, frames_of


@dataclass(frozen=True)
class _Piece:
    start: int
    samples: np.ndarray
    over: float
    nonfinite: int
    before: Mark
    after: Mark


class SoundReader:
    """Spans may overlap, but must not start before what `forget` gave up."""

    def __init__(self, media: Media, rate: int = 16000, start_s: float = 0.0) -> None:
        """Times count from `start_s` after the start of the picture."""
        assert media.audio is not None
        self.rate = rate
        self._faults = Faults()
        self._convert = AudioConverter(rate)
        self._frames = frames_of(media, "audio", start_s, self._faults, 1)
        self._zero = media.zero + start_s
        self._pieces: deque[_Piece] = deque()
        self._end = 0
        self._open = True
        self._mark, self._nonfinite = self._faults.mark(), 0

    def read(self, start_s: float, seconds: float) -> Audio:
        """Exactly that long; silence where there is no sound."""
        start, count = round(start_s * self.rate), round(seconds * self.rate)
        while self._open and self._end < start + count:
            self._advance()
        samples = np.zeros(count, np.float32)
        inside = [p for p in self._pieces if p.start < start + count and p.start + len(p.samples) > start]
        for piece in inside:
            skip = max(0, start - piece.start)
            part = piece.samples[skip : start + count - piece.start]
            at = piece.start + skip - start
            samples[at : at + len(part)] = part
        damage = self._faults.since(inside[0].before, "sound", inside[-1].after) if inside else ""
        if (missing := start + count - max(self._end, start)) > 0.25 * self.rate:
            damage = "; ".join(
                [damage] * bool(damage) + [f"no sound in its last {missing / self.rate:.1f} s"]
            )
        over = max((p.over for p in inside), default=1.0)
        return Audio(samples / np.float32(over), self.rate, sum(p.nonfinite for p in inside), damage)

    def forget(self, before_s: float) -> None:
        while self._pieces and self._pieces[0].start + len(self._pieces[0].samples) < before_s * self.rate:
            self._pieces.popleft()

    def _advance(self) -> None:
        frame = next(self._frames, None)
        if frame is None:
            self._open = False
            self._add(self._convert.finish() * np.float32(self._convert.over))
            return
        time = frame.time - self._zero if frame.pts is not None else None
        self._faults.corrupt += bool(frame.is_corrupt)
        if stop := self._convert.push(frame, time):
            self._faults.notes.append(stop)
            self._open = False
        self._add(self._convert.take())

    def _add(self, samples: np.ndarray) -> None:
        """A resampler may hold back what it is given: what is known of it goes with the next piece."""
        if not len(samples):
            return
        nonfinite, after = self._convert.nonfinite - self._nonfinite, self._faults.mark()
        self._pieces.append(_Piece(self._end, samples, self._convert.over, nonfinite, self._mark, after))
        self._end += len(samples)
        self._mark, self._nonfinite, self._convert.over = after, self._convert.nonfinite, 1.0
