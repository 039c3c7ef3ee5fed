"""Who is the same person as whom, across all sources, by the manifest, else by their faces; and in which split.

A pair is made of two utterances of one speaker, and a speaker must never be in two splits, so every clip
needs a name. Where the manifest gives one it stands. Elsewhere the faces of one track are one person, and
tracks whose faces are alike enough are put together. Names given once are kept: a new clip joins the
person it resembles or becomes a new one, and nobody's rows change because a video was added.

A track whose faces are not one person's belongs to nobody, and a track without a face vector could be anybody's: where
there are splits, neither can be put into one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from infra.resources import Needs
from storage.versions.speaker_split import split_of
from tasks.agreement import agreement
from tasks.facemask import FaceMask
from tasks.ingest import Ingest
from tasks.ranges import Cosine, Share
from tasks.stage import Collective, Rejected, StageConfig

MIXED = 0.8
"""Of `same`. With mini:identity no track of 320 that one person is seen in is below that, of two to six faces each; of
tracks in which the person changes the tracker cuts 70 in 100, and of the others some 80 in 100 are below it."""
How = Literal["named", "matched", "new", "source"]


class SpeakersConfig(StageConfig):
    same: Cosine = 0.8
    """Cosine between a track's mean face and a person's from which on they are the same. It belongs to the
    identity model: this is for mini:identity; for ArcFace on real faces 0.45 is about right."""
    shares: dict[str, Share] = Field(default={"train": 0.9, "val": 0.05, "test": 0.05})
    """Split -> share of the speakers, summing to 1. Changing it moves speakers between splits."""

    mixed: Cosine | None = None
    """Cosine between who is seen before and after any moment of a track, below which they are two people. It belongs
    to the identity model, as `same` does; None: MIXED of `same`."""

    @property
    def one_person(self) -> float:
        """The cosine that `mixed` is, or stands for."""
        return MIXED * self.same if self.mixed is None else self.mixed

    @property
    def splits_people(self) -> bool:
        """Whether there is more than one split to be in."""
        return sum(share > 0 for share in self.shares.values()) > 1

    @field_validator("shares")
    @classmethod
    def _sums_to_one(cls, shares: dict[str, float]) -> dict[str, float]:
        split_of("", shares)
        return shares


@dataclass(frozen=True)
class SpeakersInput:
    id: str
    uri: str
    part: int
    track: int
    start_s: float
    named_speaker: str
    embedding: list[float] | None
    agreement: float | None


@dataclass(frozen=True)
class SpeakerRow:
    id: str
    speaker: str
    split: str
    how: str
    """named: by the manifest; matched, new: by the face; source: no face vector, so one person a track, where all are in
    one split."""
    likeness: float | None
    """Cosine to the mean face of this speaker; a low one beside a manifest's name is a name to check."""
    face: bytes | None
    """The clip's face vector as float16, by which later clips are compared."""


class Speakers(Collective):
    name = "speakers"
    reads = (FaceMask, Ingest)
    version = 3
    facts = ("split", "speaker")
    needs = Needs(cpus=0.1, timeout_s=3600)
    Config = SpeakersConfig
    Input = SpeakersInput
    Output = SpeakerRow
    config: SpeakersConfig

    def __call__(
        self, rows: Sequence[SpeakersInput], known: Sequence[SpeakerRow]
    ) -> list[SpeakerRow | Rejected]:
        people = People(self.config.same)
        for row in known:
            if row.face is not None:
                people.add(row.speaker, [np.frombuffer(row.face, np.float16).astype(np.float32)])
        told: dict[str, tuple[str, How] | Rejected] = {}
        for track in _tracks(rows):
            faces = [np.asarray(row.embedding, np.float32) for row in track if row.embedding is not None]
            if why := self._refused(track, faces):
                told |= {row.id: Rejected(row.id, *why) for row in track}
                continue
            speaker, how = _who(track[0], faces, people)
            people.add(speaker, faces)
            told |= {row.id: (speaker, how) for row in track}
        return [
            one if isinstance(one := told[row.id], Rejected) else self._row(row, *one, people) for row in rows
        ]

    def _refused(self, track: list[SpeakersInput], faces: list[np.ndarray]) -> tuple[str, str] | None:
        """Code and reason of a track that nobody can be named for."""
        alike = [one for row in track if (one := row.agreement) is not None]
        if (along := agreement(faces)) is not None:
            alike.append(along)
        if alike and min(alike) < (limit := self.config.one_person):
            return "mixed_track", (
                f"the faces of this track are not one person's: the cosine between before and after some moment is "
                f"{min(alike):.2f}, and {limit:.2f} is the least for one; cut the source where the person changes"
            )
        if not faces and not track[0].named_speaker and self.config.splits_people:
            return "unknown_speaker", (
                "no face in this track could be compared, and its person may be in another split; name the speaker of "
                "this source in a manifest"
            )
        return None

    def _row(self, row: SpeakersInput, speaker: str, how: How, people: "People") -> SpeakerRow:
        split = split_of(speaker, self.config.shares)
        if row.embedding is None:
            return SpeakerRow(row.id, speaker, split, how, None, None)
        face = np.asarray(row.embedding, np.float32)
        likeness = people.likeness(speaker, face)
        return SpeakerRow(row.id, speaker, split, how, likeness, face.astype(np.float16).tobytes())


class People:
    """Speakers and their mean faces, in arrays so that comparing with all of them is one product."""

    def __init__(self, same: float) -> None:
        self._same = same
        self._place: dict[str, int] = {}
        self._names: list[str] = []
        self._sums_PD = np.zeros((0, 0), np.float32)

    def add(self, speaker: str, faces: list[np.ndarray]) -> None:
        if not faces:
            return
        if speaker not in self._place:
            self._place[speaker] = len(self._place)
            self._names.append(speaker)
            self._reserve(len(self._place), len(faces[0]))
        self._sums_PD[self._place[speaker]] += np.sum(faces, axis=0)

    def _reserve(self, count: int, dims: int) -> None:
        if count > len(self._sums_PD):
            grown = np.zeros((2 * count, dims), np.float32)
            grown[: len(self._sums_PD)] = self._sums_PD.reshape(-1, dims)
            self._sums_PD = grown

    def nearest(self, faces: list[np.ndarray]) -> str | None:
        """The speaker these faces belong to; None when nobody is alike enough."""
        count = len(self._place)
        if not count:
            return None
        sums_PD = self._sums_PD[:count]
        norms_P = np.linalg.norm(sums_PD, axis=1) + 1e-9
        cosines_P = sums_PD @ _unit(np.sum(faces, axis=0)) / norms_P
        best = int(np.argmax(cosines_P))
        return self._names[best] if cosines_P[best] >= self._same else None

    def likeness(self, speaker: str, face: np.ndarray) -> float:
        return float(_unit(self._sums_PD[self._place[speaker]]) @ _unit(face))


def _tracks(rows: Iterable[SpeakersInput]) -> list[list[SpeakersInput]]:
    """Clips that follow one face through one source, in the order of time. Named ones first, since others may resemble
    them."""
    tracks: dict[tuple[str, int, int], list[SpeakersInput]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.start_s, row.id)):
        tracks[row.uri, row.part, row.track].append(row)
    return sorted(
        tracks.values(), key=lambda track: (not track[0].named_speaker, min(row.id for row in track))
    )


def _who(row: SpeakersInput, faces: list[np.ndarray], people: People) -> tuple[str, How]:
    if row.named_speaker:
        return row.named_speaker, "named"
    if not faces:
        return f"{_short(row.uri)}-{row.part}-{row.track}", "source"
    if near := people.nearest(faces):
        return near, "matched"
    return f"person-{_short(row.id)}", "new"


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-9)


def _short(text: str) -> str:
    return blake2b(text.encode(), digest_size=4).hexdigest()
