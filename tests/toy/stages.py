"""Stages of each kind: one row into many, one into one, a threshold, and one that answers all rows at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage.ledger.rows import Blob
from storage.versions.speaker_split import split_of
from tasks.stage import Annotate, Collective, Expand, Expanded, Rejected, StageConfig

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


class Lines(Expand):
    name = "lines"
    facts = ("speaker",)

    class Config(StageConfig):
        keep_empty: bool = False

    @dataclass(frozen=True)
    class Input:
        id: str
        uri: str
        speaker: str
        licence: str
        consent: str

    @dataclass(frozen=True)
    class Output:
        id: str
        text: str
        speaker: str
        licence: str
        consent: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        with self.store.open(row.uri) as file:
            lines = file.read().decode().splitlines()
        if not lines:
            return Rejected(row.id, "empty", "the file holds no line")
        return Expanded(row.id, tuple(self._line(row, t) for t in lines))

    def _line(self, row: Any, text: str) -> Any:
        item = hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
        return self.Output(item, text, row.speaker or row.uri, row.licence, row.consent)


class Length(Annotate):
    name = "length"
    reads = (Lines,)

    class Config(StageConfig):
        scale: float = 1.0

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        length: float
        echo: Blob

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        if "poison" in row.text:
            raise ValueError(f"cannot measure {row.text!r}")
        return self.Output(row.id, len(row.text) * self.config.scale, row.text.encode() * 50)


class Long(Annotate):
    name = "long"
    reads = (Length, Lines)
    facts = ("split",)

    class Config(StageConfig):
        at_least: float = 4.0

    @dataclass(frozen=True)
    class Input:
        id: str
        length: float
        speaker: str
        echo: Blob

    @dataclass(frozen=True)
    class Output:
        id: str
        split: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        assert row.echo, "blobs reach the next stage"
        if row.length < self.config.at_least:
            return Rejected(row.id, "short", f"length {row.length} is below {self.config.at_least}")
        return self.Output(row.id, split_of(row.speaker, SHARES))


class Ordinal(Collective):
    """Numbers the lines, going on from the highest number given so far, and stamps each with a picture of it."""

    name = "ordinal"
    reads = (Lines,)

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        number: int
        stamp: Blob

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        assert all(row.stamp is None for row in known), "blobs are not read for what is known"
        first = 1 + max((row.number for row in known), default=-1)
        order = sorted(rows, key=lambda row: row.text)
        numbers = {row.id: first + place for place, row in enumerate(order)}
        return [self.Output(row.id, numbers[row.id], b"%d" % numbers[row.id]) for row in rows]
