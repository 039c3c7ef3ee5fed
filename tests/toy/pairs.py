"""The toy dataset with blobs under the names of the pair stages: a line of text is a clip, a line with `mute` has no sound.

What is in a blob follows from the line, so that a test can say what a file must hold.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storage.ledger.rows import Blob
from storage.media.encode import encode_video
from storage.versions.speaker_split import split_of
from tasks.stage import Annotate, Expand, Expanded, Stage, StageConfig
from tests.toy.inline import Ran, run_inline, write_words

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
KB = 3


def content(item: str, column: str, kb: int = KB) -> bytes:
    """With 0 kB a video is one, of 8 frames."""
    seed = int.from_bytes(hashlib.blake2b(f"{item} {column}".encode(), digest_size=8).digest())
    if not kb and column.endswith("video"):
        return encode_video(None, np.full((8, 32, 32, 3), seed % 256, np.uint8), 25)
    return np.random.default_rng(seed).bytes(max(kb, 1) << 10)


class Sized(StageConfig):
    kb: int = KB
    """Of each blob."""


class ToyIngest(Expand):
    name = "ingest"
    facts = ("speaker",)
    Config = Sized

    @dataclass(frozen=True)
    class Input:
        id: str
        uri: str
        speaker: str

    @dataclass(frozen=True)
    class Output:
        id: str
        text: str
        speaker: str
        loudness: float
        video: Blob
        audio: Blob | None

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        with self.store.open(row.uri) as file:
            lines = file.read().decode().splitlines()
        return Expanded(row.id, tuple(self._clip(row.speaker or row.uri, text) for text in lines))

    def _clip(self, speaker: str, text: str) -> Any:
        item = hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
        sound = None if "mute" in text else content(item, "audio", self.config.kb)
        loudness = float("nan") if "mute" in text else 0.5
        return self.Output(item, text, speaker, loudness, content(item, "video", self.config.kb), sound)


class OfClips(Annotate):
    """Takes the text alone, and answers with a row made of it."""

    reads = (ToyIngest,)
    Config = Sized

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.one(row) for row in rows]

    def one(self, row: Any) -> Any:
        raise NotImplementedError

    def blob(self, row: Any, column: str) -> bytes:
        return content(row.id, column, self.config.kb)


class ToyMasks(OfClips):
    name = "facemask"

    @dataclass(frozen=True)
    class Output:
        id: str
        face_masks: Blob
        lip_masks: Blob

    def one(self, row: Any) -> Any:
        return self.Output(row.id, self.blob(row, "face_masks"), self.blob(row, "lip_masks"))


class ToyPartner(OfClips):
    name = "partner"

    @dataclass(frozen=True)
    class Output:
        id: str
        how: str

    def one(self, row: Any) -> Any:
        return self.Output(row.id, "other_utterance")


class ToyCompanion(OfClips):
    name = "companion"

    @dataclass(frozen=True)
    class Output:
        id: str
        origin: str
        starts: list[int]
        painted_share: float
        companion_video: Blob
        companion_audio: Blob

    def one(self, row: Any) -> Any:
        video, sound = self.blob(row, "companion_video"), self.blob(row, "companion_audio")
        return self.Output(row.id, "generated", [0, 20], 0.25, video, sound)


class ToyRelight(OfClips):
    """Only what has `dull` in its line."""

    name = "relight"
    reads = (ToyIngest, ToyCompanion)

    @dataclass(frozen=True)
    class Output:
        id: str
        relit: bool
        relit_video: Blob | None
        relit_companion_video: Blob | None

    def one(self, row: Any) -> Any:
        if "dull" not in row.text:
            return self.Output(row.id, False, None, None)
        return self.Output(
            row.id, True, self.blob(row, "relit_video"), self.blob(row, "relit_companion_video")
        )


class ToySpeakers(Annotate):
    name = "speakers"
    reads = (ToyIngest,)
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


def pair_stages(kb: int = KB) -> dict[str, Stage]:
    sized = Sized(kb=kb)
    stages = (
        ToyIngest(sized),
        ToyMasks(sized),
        ToySpeakers(),
        ToyPartner(),
        ToyCompanion(sized),
        ToyRelight(sized),
    )
    return {stage.name: stage for stage in stages}


def published(root: Path, clips: int = 12, kb: int = KB, leave_out: Sequence[str] = ()) -> Ran:
    """Each of four people says a share of the lines; every third is dull, and the last one mute."""
    said = [f"line {i}" + " dull" * (i % 3 == 0) + " mute" * (i == clips - 1) for i in range(clips)]
    people = {f"person{p}": "\n".join(said[p::4]) for p in range(4)}
    stages = {name: stage for name, stage in pair_stages(kb).items() if name not in leave_out}
    return run_inline(write_words(root / "words", **people), root / "catalog", stages, batch=64)
