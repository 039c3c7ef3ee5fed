"""Cuts the tracks of a source into clips as it goes by, a second behind the tracker.

The second is what it takes to know where a face is going: whether it comes back after a gap, and where a crop
that moves calmly has to be. The pictures of that second are all that is kept of the source.

Where several people are visible a span ends when one of them comes or goes, so that everything said of a span
(how many faces, which of them speaks) holds for all of it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from models.faces.face import Shape
from storage.media.coded_picture import Picture
from storage.media.decode import Audio
from storage.media.sound_reader import SoundReader
from storage.media.stream import Faults, Mark
from tasks.ingest.clip import Clip, ClipFormat
from tasks.ingest.steady_crop import REACH, steady_place
from tasks.ingest.tally import Tally
from tasks.ingest.track import Track
from tasks.ingest.tracker import LOST, Tracker

LAG = REACH + LOST + 1
"""Frames between the tracker and the cutter."""
CONFIRMED = 8
"""Frames in which a face has to be seen to count: false alarms live shorter."""
PROMINENT = (0.45, 0.35)
"""Size over the largest face's: to begin to count beside it, and to stop."""
SPEAKS = 0.08
"""Least agreement of lips and sound that tells a speaker from the silent ones."""

FacesRule = Literal["reject", "largest", "every", "speaking"]


@dataclass(frozen=True)
class ClipRules:
    """Which spans of a track become clips."""

    faces: FacesRule
    least_frames: int
    most_frames: int
    margin: float
    min_face_px: float


@dataclass(frozen=True)
class WaitingFrame:
    """One frame that waits for its crop, until what comes after it is known."""

    frame: int
    picture: Picture
    shot: int
    change: float
    mark: Mark
    """What had gone wrong in decoding by then."""


@dataclass
class Cutter:
    """Takes frame after frame of one source, and gives each clip when it is complete."""

    rules: ClipRules
    format: ClipFormat
    tracker: Tracker
    faults: Faults
    sound: SoundReader | None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._waiting: deque[WaitingFrame] = deque()
        self._open: dict[int, Clip] = {}
        self._group: frozenset[int] = frozenset()
        self._shot = 0
        self._before: Mark = (0, 0, 0)
        self._began: Mark = (0, 0, 0)

    def push(self, waiting: WaitingFrame) -> Iterator[dict[str, Any]]:
        """Takes what the tracker has just looked at; gives the clips that are complete."""
        self._waiting.append(waiting)
        if len(self._waiting) > LAG:
            yield from self._cut(self._waiting.popleft())

    def flush(self) -> Iterator[dict[str, Any]]:
        while self._waiting:
            yield from self._cut(self._waiting.popleft())
        yield from self._close()

    def _cut(self, waiting: WaitingFrame) -> Iterator[dict[str, Any]]:
        visible = self._visible(waiting.frame)
        group = frozenset(track.number for track, _ in visible)
        full = any(clip.frames >= self.rules.most_frames for clip in self._open.values())
        if self.rules.faces == "every" and waiting.shot == self._shot:
            yield from self._close(
                {n for n, c in self._open.items() if n not in group or c.frames >= self.rules.most_frames}
            )
        elif group != self._group or waiting.shot != self._shot or full:
            yield from self._close()
        if not self._open:
            self._began = self._before
        self._group, self._shot, self._before = group, waiting.shot, waiting.mark
        self._count(visible)
        if not (self.rules.faces == "reject" and len(visible) > 1):
            for track, place in visible:
                self._add(track, place, waiting, len(visible))
        self._forget(waiting.frame)

    def _visible(self, frame: int) -> list[tuple[Track, Any]]:
        """The faces that count in this frame, with their smoothed places."""
        found = []
        for track in self.tracker.tracks:
            if track.first <= frame <= track.last_seen and track.seen >= CONFIRMED:
                found.append((track, steady_place(track.places(), frame - track.base)))
        largest = max((place.size for _, place in found), default=0.0)
        return [(t, p) for t, p in found if p.size >= PROMINENT[t.number in self._group] * largest]

    def _count(self, visible: list[tuple[Track, Any]]) -> None:
        self.tally.frames += 1
        self.tally.with_face += bool(visible)
        self.tally.several += len(visible) > 1 and self.rules.faces == "reject"

    def _add(self, track: Track, place: Any, waiting: WaitingFrame, faces: int) -> None:
        clip = self._open.get(track.number)
        if clip is None:
            clip = Clip(track.number, waiting.frame, waiting.shot, self.format, faces)
            self._open[track.number] = clip
        square = (place.x, place.y, self.rules.margin * place.size)
        shape = shape_between(track, waiting.frame)
        clip.faces = max(clip.faces, faces)
        clip.embeddings |= {t: e for t, e in track.embeddings if clip.start <= t <= waiting.frame}
        clip.add(waiting.picture, square, place.size, shape, waiting.change)

    def _forget(self, frame: int) -> None:
        tracks = self.tracker.tracks
        for track in tracks:
            track.forget(frame - REACH - LOST)
        self.tracker.tracks = [t for t in tracks if not t.ended or t.last_seen > frame]
        if self.sound:
            oldest = min((clip.start for clip in self._open.values()), default=frame)
            self.sound.forget(oldest / self.format.fps)

    def _close(self, numbers: set[int] | None = None) -> Iterator[dict[str, Any]]:
        chosen = self._open if numbers is None else {n: self._open[n] for n in numbers}
        clips = [clip for clip in chosen.values() if self._fit(clip)]
        sounds = {clip.track: self._sound_of(clip) for clip in clips}
        kept = self._chosen(clips, sounds)
        for clip in chosen.values():
            if clip not in kept:
                clip.drop()
        damage = self.faults.since(self._began, "video", self._before)
        shared = len(kept) > 1
        for clip in kept:
            audio = sounds[clip.track]
            notes = [damage, audio.damage if audio else ""]
            yield clip.finish(audio) | {"damage": "; ".join(n for n in notes if n), "shared": shared}
        self._open = {n: clip for n, clip in self._open.items() if n not in chosen}

    def _fit(self, clip: Clip) -> bool:
        self.tally.longest = max(self.tally.longest, clip.frames)
        self.tally.largest_px = max(self.tally.largest_px, clip.face_px)
        small, short = clip.face_px < self.rules.min_face_px, clip.frames < self.rules.least_frames
        self.tally.too_small += small
        self.tally.too_short += short and not small
        return not small and not short

    def _sound_of(self, clip: Clip) -> Audio | None:
        fps = self.format.fps
        return self.sound.read(clip.start / fps, clip.frames / fps) if self.sound else None

    def _chosen(self, clips: list[Clip], sounds: dict[int, Audio | None]) -> list[Clip]:
        if len(clips) < 2 or self.rules.faces == "every":
            return clips
        largest = max(clips, key=lambda clip: clip.face_px)
        if self.rules.faces != "speaking":
            return [largest]
        fits = [(clip.lip_strength(audio), clip) for clip in clips if (audio := sounds[clip.track])]
        best = max(fits, key=lambda fit: fit[0], default=(0.0, largest))
        return [best[1] if best[0] >= SPEAKS else largest]


def shape_between(track: Track, frame: int) -> Shape:
    """The face in this frame, or half-way between where it was seen before and after."""
    shape = track.at(frame)
    if shape is not None:
        return shape
    before = next(t for t in range(frame - 1, track.base - 1, -1) if track.at(t))
    after = next(t for t in range(frame + 1, track.last_seen + 1) if track.at(t))
    one, other = track.at(before), track.at(after)
    assert one is not None
    assert other is not None
    share = (frame - before) / (after - before)
    names = ("points_K2", "five_52", "yaw", "pitch", "roll", "opening", "width", "depth_K")
    mixed = {n: getattr(one, n) + share * (getattr(other, n) - getattr(one, n)) for n in names}
    return replace(one, **mixed, score=0.0)
