"""The toy dataset with masks that people screen: a line is `words stability`, and Kept is what comes after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from flows.recipes import STAGES
from storage.ledger.rows import Blob
from storage.media.images import encode_jpeg
from storage.versions.speaker_split import split_of
from tasks.screen import Screen, ScreenConfig
from tasks.stage import Annotate, Stage, StageConfig
from tests.toy.stages import SHARES, Lines


class Masks(Annotate):
    name = "masks"
    reads = (Lines,)

    class Config(StageConfig):
        model: str = "tiny"

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        stability: float
        phrases: list[str]
        poster: Blob

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        phrase, _, stability = row.text.rpartition(" ")
        picture = np.full((48, 64, 3), int(200 * abs(float(stability) % 1)), np.uint8)
        return self.Output(row.id, float(stability), [phrase], encode_jpeg(picture))


class ToyScreen(Screen):
    reads = (Masks,)  # type: ignore[assignment]


class Kept(Annotate):
    name = "kept"
    reads = (Lines, ToyScreen)
    facts = ("split",)

    @dataclass(frozen=True)
    class Input:
        id: str
        speaker: str

    @dataclass(frozen=True)
    class Output:
        id: str
        split: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.Output(row.id, split_of(row.speaker, SHARES)) for row in rows]


def screened(model: str = "tiny", **settings: Any) -> dict[str, Stage]:
    stages = (Lines(), Masks(Masks.Config(model=model)), ToyScreen(ScreenConfig(**settings)), Kept())
    return {stage.name: stage for stage in stages}


def make_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What shows rows looks stages up by name: it finds these instead of the product's."""
    for name in list(STAGES):
        monkeypatch.delitem(STAGES, name)
    for stage in (Lines, Masks, ToyScreen, Kept):
        monkeypatch.setitem(STAGES, stage.name, stage)
