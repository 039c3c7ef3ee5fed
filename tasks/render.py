"""Makes videos whose truth is known, and pairs of them in which only the lips differ.

A take of the procedural world is rendered here from its three numbers; a take that another renderer
(Unreal Engine, Blender) has written is read from its folder (tasks/studio.py). Either becomes an ordinary
mp4 with sound, its truth, and, as the other half of an aligned pair, the same take with other speech:
head, pose and light stay, and of the coefficients only those that speech moves differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from infra.resources import Needs
from storage.ledger.rows import Blob
from storage.media.encode import encode_video
from storage.media.images import encode_jpeg
from storage.media.renderer import WORLD as WORLD_RENDERER
from storage.sources import Source
from storage.sources.takes import WORLD, Take
from tasks.ranges import ClipSeconds, Crf, Share, check_order
from tasks.stage import Expand, Expanded, Rejected, StageConfig
from tasks.studio import StudioError, read_take
from tasks.truth import Truth

FPS = 25


class RenderConfig(StageConfig):
    """How takes are rendered, and how often something is special about one."""

    width: int = Field(default=192, ge=32, le=4096, multiple_of=2)
    """Pixels; even."""
    height: int = Field(default=144, ge=32, le=4096, multiple_of=2)
    """Pixels; even."""
    min_seconds: ClipSeconds = 2.4
    max_seconds: ClipSeconds = 4.0
    occluded: Share = 0.35
    """Share of takes with something in front of the face."""
    sung: Share = 0.1
    """Share of takes that are sung."""
    close: Share = 0.3
    """Share of takes in which the head fills the picture; in the others the shoulders are seen too."""
    pairs: bool = False
    """Render every take a second time with other speech of the same person."""
    crf: Crf = 14
    """Quality of the videos: lower is better and larger."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self, "min_seconds", "max_seconds")
        return self


@dataclass(frozen=True)
class RenderRow:
    """One take: its video, its truth, and the other half if there is one."""

    id: str
    uri: str
    name: str
    """For a file of this take."""
    renderer: str
    licence: str
    consent: str
    speaker: str
    width: int
    height: int
    fps: float
    frames: int
    occluder: str
    """What is in front of the face, as a person would call it; empty for nothing."""
    covered_share: float | None
    """Share of frames in which it hides some of the lips; None if unknown."""
    sung: bool
    words: str
    """What is said, phone by phone; empty if unknown."""
    video: Blob
    truth: Blob
    dub: Blob | None
    """The same take with other speech."""
    dub_truth: Blob | None
    poster: Blob


@dataclass(frozen=True)
class Half:
    """One half of a take, from whatever renderer."""

    video: bytes
    truth: Truth


class Render(Expand):
    """The stage: a take in, its videos out."""

    name = "render"
    version = 2
    facts = ("licence", "consent")
    needs = Needs(cpus=1, batch=1, timeout_s=900)
    Config = RenderConfig
    Input = Source
    Output = RenderRow
    config: RenderConfig

    def __call__(self, rows: Sequence[Source]) -> list[Expanded | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: Source) -> Expanded | Rejected:
        if row.uri.startswith(WORLD):
            return Expanded(row.id, (self._world(row),))
        try:
            return Expanded(row.id, (self._studio(row),))
        except StudioError as error:
            return Rejected(row.id, error.code, str(error))

    def _world(self, row: Source) -> RenderRow:
        # Only workers want the head's mesh and its compiler; whoever reads a recipe should not wait for them.
        from tasks.world_take import WorldTake

        c, numbers = self.config, Take.parse(row.uri)
        size, seconds = (c.width, c.height), (c.min_seconds, c.max_seconds)
        take = WorldTake(numbers, size, seconds, c.occluded, c.sung, c.close)
        facts = {
            "name": f"{numbers.speaker}_{numbers.take:02d}",
            "renderer": WORLD_RENDERER,
            "occluder": take.occluder,
            "covered_share": take.main.covered_share,
            "sung": take.sung,
            "words": take.main.speech.words,
        }
        main, dub = (
            Half(self._encoded(film.rgb_FHWC, film.sound, FPS, WORLD_RENDERER), film.truth) if film else None
            for film in (take.main, take.dub if c.pairs else None)
        )
        samples = take.main.rgb_FHWC[np.linspace(0, take.frames - 1, 3).astype(int)]
        return _row(row, facts, size, FPS, main, dub, samples)

    def _studio(self, row: Source) -> RenderRow:
        take = read_take(self.store, row.uri)
        main, dub = (
            Half(self._encoded(half.frames(), half.sound, take.fps), half.truth()) if half else None
            for half in (take.main, take.dub)
        )
        return _row(row, take.facts(row), take.size, take.fps, main, dub, take.main.samples(3))

    def _encoded(self, frames: Any, sound: np.ndarray, fps: float, renderer: str = "") -> bytes:
        return encode_video(None, frames, fps, sound, crf=self.config.crf, renderer=renderer)


def _row(
    row: Source, facts: dict[str, Any], size: tuple[int, int], fps: float,
    main: Half | None, dub: Half | None, samples_NHWC: np.ndarray,
) -> RenderRow:  # fmt: skip
    assert main is not None
    told = {"licence": row.licence, "consent": row.consent, "speaker": row.speaker}
    return RenderRow(
        id=row.id, uri=row.uri, width=size[0], height=size[1], fps=float(fps),
        frames=len(main.truth.coefficients_FC),
        video=main.video, truth=main.truth.to_bytes(),
        dub=dub.video if dub else None, dub_truth=dub.truth.to_bytes() if dub else None,
        poster=encode_jpeg(np.concatenate(list(samples_NHWC), axis=1)), **(told | facts),
    )  # fmt: skip
