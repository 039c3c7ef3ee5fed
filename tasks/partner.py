"""Chooses for each clip whose sound its companion will speak: another utterance of the same speaker.

A choice is made once. Clips that come later choose among all there are, and nobody else's choice changes.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from infra.resources import Needs
from tasks.ingest import Ingest
from tasks.ranges import Seed
from tasks.speakers import Speakers
from tasks.stage import Collective, Rejected, StageConfig

MOST = 3
"""Utterances that follow one another where one is too short; as many as a row has columns for."""
How = Literal["other_utterance", "same_clip", "other_speaker", "given"]


class PartnerConfig(StageConfig):
    """What becomes of clips for which there is no other utterance that is long enough."""

    alone: Literal["reject", "same_clip", "other_speaker"] = "reject"
    """A speaker with no other utterance: no pair, or the sound of another part of the same clip, or another speaker's
    (of the same split). The column `how` says which."""
    short: Literal["chain", "reject"] = "chain"
    """Utterances that are shorter than the clip: up to three one after the other, or no pair."""
    choice: Seed = 0
    """Another number makes all choices anew."""


@dataclass(frozen=True)
class PartnerInput:
    """A clip, and who speaks in it."""

    id: str
    speaker: str
    split: str
    uri: str
    start_s: float
    frames: int
    fps: float
    companion: str | None = None
    """The other half, where it was given with the source."""


@dataclass(frozen=True)
class PartnerRow:
    """Whose sound a clip's companion speaks."""

    id: str
    partner: str
    """The clip whose sound it is."""
    start: int
    """Frame of it at which the sound begins."""
    second: str | None
    """The clips whose sound follows, where one is too short."""
    third: str | None
    how: str
    """other_utterance: of the same speaker; same_clip, other_speaker: there was no other; given: the companion was
    given with the source, and speaks the sound that it came with."""
    candidates: int
    """Utterances that there were to choose from."""
    speaker: str
    split: str
    uri: str
    start_s: float
    end_s: float
    """Where in its source the clip itself is; by it later clips are kept from the same words."""
    frames: int


class Partner(Collective):
    """The stage: all clips in, a choice for each out."""

    name = "partner"
    chooses = True
    reads = (Speakers, Ingest)
    needs = Needs(cpus=0.1, timeout_s=3600)
    Config = PartnerConfig
    Input = PartnerInput
    Output = PartnerRow
    config: PartnerConfig

    def __call__(
        self, rows: Sequence[PartnerInput], known: Sequence[PartnerRow]
    ) -> list[PartnerRow | Rejected]:
        everyone = [*(_Utterance.of(row) for row in rows), *(_Utterance.known(row) for row in known)]
        by_speaker, by_split = _Rings(), _Rings()
        for one in everyone:
            by_speaker.add(one.speaker, one)
            by_split.add(one.split, one)
        return [
            self._filled(_Utterance.of(row), [_Utterance.of(row)], "given", 0, 0)
            if row.companion
            else self._one(_Utterance.of(row), by_speaker, by_split)
            for row in rows
        ]

    def _one(self, own: "_Utterance", by_speaker: "_Rings", by_split: "_Rings") -> PartnerRow | Rejected:
        others = by_speaker.others(own.speaker, own, self.config.choice)
        if others:
            return self._row(own, others, "other_utterance")
        if self.config.alone == "same_clip" and own.frames > 1:
            return self._filled(own, [own, own], "same_clip", 0, own.frames // 2)
        if self.config.alone == "other_speaker":
            strangers = by_split.others(own.split, own, self.config.choice)
            if strangers := [one for one in strangers if one.speaker != own.speaker]:
                return self._row(own, strangers, "other_speaker")
        return Rejected(
            own.id,
            "alone",
            f"{own.speaker} has no other utterance that its companion could speak; list more of this speaker, or set "
            "partner.alone to same_clip or other_speaker",
        )

    def _row(self, own: "_Utterance", others: Sequence["_Utterance"], how: How) -> PartnerRow | Rejected:
        long_enough = next((one for one in others if one.frames >= own.frames), None)
        if long_enough:
            return self._filled(own, [long_enough], how, len(others), 0)
        chain = [others[number % len(others)] for number in range(MOST)]
        there = sum(one.frames for one in chain)
        if self.config.short == "reject" or there < own.frames:
            return Rejected(
                own.id,
                "partner_short",
                f"no other utterance of {own.speaker} lasts the {own.frames} frames of the clip: the longest of "
                f"{len(others)} has {max(one.frames for one in others)}"
                + (
                    "; partner.short=chain joins some"
                    if self.config.short == "reject"
                    else f", {MOST} of them {there}"
                ),
            )
        while sum(one.frames for one in chain[:-1]) >= own.frames:
            chain.pop()
        return self._filled(own, chain, how, len(others), 0)

    def _filled(
        self, own: "_Utterance", chain: Sequence["_Utterance"], how: How, candidates: int, start: int
    ) -> PartnerRow:
        first, second, third = [one.id for one in chain] + [None] * (MOST - len(chain))
        assert first is not None
        return PartnerRow(
            own.id, first, start, second, third, how, candidates,
            own.speaker, own.split, own.uri, own.start_s, own.end_s, own.frames,
        )  # fmt: skip


@dataclass(frozen=True)
class _Utterance:
    id: str
    speaker: str
    split: str
    uri: str
    start_s: float
    end_s: float
    frames: int

    @classmethod
    def of(cls, row: PartnerInput) -> "_Utterance":
        end_s = row.start_s + row.frames / row.fps
        return cls(row.id, row.speaker, row.split, row.uri, row.start_s, end_s, row.frames)

    @classmethod
    def known(cls, row: PartnerRow) -> "_Utterance":
        return cls(row.id, row.speaker, row.split, row.uri, row.start_s, row.end_s, row.frames)

    def same_words(self, other: "_Utterance") -> bool:
        """Two faces of one moment have one sound."""
        return self.id == other.id or (
            self.uri == other.uri and self.start_s < other.end_s and other.start_s < self.end_s
        )


class _Rings:
    """Utterances of each group in the order of their hashes: a clip's own hash says where in it to begin."""

    def __init__(self) -> None:
        self._members: dict[str, list[_Utterance]] = defaultdict(list)
        self._rings: dict[str, tuple[list[str], list[_Utterance]]] = {}

    def add(self, group: str, one: _Utterance) -> None:
        self._members[group].append(one)

    def others(self, group: str, own: _Utterance, choice: int) -> list[_Utterance]:
        """As many as a choice needs to look at, from the clip's place on: all of a small group."""
        if group not in self._rings:
            ring = sorted((_hash(one.id), one.id, one) for one in self._members[group])
            self._rings[group] = [place for place, _, _ in ring], [one for _, _, one in ring]
        places, ring_ = self._rings[group]
        start = bisect_right(places, _hash(f"{choice} {own.id}"))
        return list(_first(_turned(ring_, start), own))


LOOKED_AT = 64
"""Candidates that a choice is made from at most, so that a speaker with many thousand clips costs no more."""


def _first(ring: Iterable[_Utterance], own: _Utterance) -> Iterator[_Utterance]:
    found = 0
    for one in ring:
        if not one.same_words(own):
            yield one
            found += 1
        if found == LOOKED_AT:
            return


def _turned(ring: Sequence[_Utterance], start: int) -> Iterator[_Utterance]:
    for number in range(len(ring)):
        yield ring[(start + number) % len(ring)]


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
