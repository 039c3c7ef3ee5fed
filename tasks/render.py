"""Makes videos whose truth is known, and pairs of them in which only the lips differ.

A take of the procedural world is rendered here from its three numbers; a take that another renderer
(Unreal Engine, Blender) has written is read from its folder (tasks/studio.py). Either becomes an ordinary
mp4 with sound, its truth, and, as the other half of an aligned pair, the same take with other speech:
head, pose and light stay, and of the coefficients only those that speech moves differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.resources import Needs
from models.world.direct import make_scene
from models.world.head import Part
from models.world.occluders import KINDS
from models.world.people import Person, make_person
from models.world.render import Rendered, face_mask, render
from models.world.scene import Scene
from models.world.speech import Speech, speak
from models.world.voice import synthesise
from storage.encode import encode_jpeg, encode_video
from storage.listing import Source
from storage.rows import Blob
from storage.takes import WORLD, Take
from tasks.stage import Expand, Expanded, Rejected, StageConfig
from tasks.studio import StudioError, read_take
from tasks.truth import SPEECH, Truth

FPS = 25


class RenderConfig(StageConfig):
    width: int = 192
    """Pixels; even."""
    height: int = 144
    """Pixels; even."""
    min_seconds: float = 2.4
    max_seconds: float = 4.0
    occluded: float = 0.35
    """Share of takes with something in front of the face."""
    sung: float = 0.1
    """Share of takes that are sung."""
    close: float = 0.3
    """Share of takes in which the head fills the picture; in the others the shoulders are seen too."""
    pairs: bool = False
    """Render every take a second time with other speech of the same person."""
    crf: int = 14
    """Quality of the videos: lower is better and larger."""


@dataclass(frozen=True)
class RenderRow:
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
    """Share of frames in which it hides some of the mouth; None if unknown."""
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
class Spoken:
    speech: Speech
    sound: np.ndarray


class Render(Expand):
    name = "render"
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
        c, take = self.config, Take.parse(row.uri)
        person, scene, said, other = _staged(c, take)
        film = _filmed(c, scene, said)
        dub = _filmed(c, scene, other) if c.pairs else None
        facts: dict[str, Any] = {
            "name": f"{take.speaker}_{take.take:02d}",
            "renderer": "world",
            "speaker": row.speaker,
            "occluder": scene.occluder.kind if scene.occluder else "",
            "covered_share": _covered(film),
            "sung": said.speech.notes is not None,
            "words": said.speech.words,
        }
        return self._row(
            row, facts, (c.width, c.height), FPS, scene.frames,
            video=self._encoded(film.rgb_FHWC, said.sound, FPS),
            truth=_truth(c, person, scene, said, film),
            dub=self._encoded(dub.rgb_FHWC, other.sound, FPS) if dub else None,
            dub_truth=_truth(c, person, scene, other, dub) if dub else None,
            samples=film.rgb_FHWC[np.linspace(0, scene.frames - 1, 3).astype(int)],
        )  # fmt: skip

    def _studio(self, row: Source) -> RenderRow:
        take = read_take(self.store, row.uri)
        return self._row(
            row, take.facts(row), take.size, take.fps, take.count,
            video=self._encoded(take.main.frames(), take.main.sound, take.fps),
            truth=take.main.truth(),
            dub=self._encoded(take.dub.frames(), take.dub.sound, take.fps) if take.dub else None,
            dub_truth=take.dub.truth() if take.dub else None,
            samples=take.main.samples(3),
        )  # fmt: skip

    def _row(
        self, row: Source, facts: dict[str, Any], size: tuple[int, int], fps: float, frames: int, *,
        video: bytes, truth: Truth, dub: bytes | None, dub_truth: Truth | None, samples: np.ndarray,
    ) -> RenderRow:  # fmt: skip
        rights = {"licence": row.licence, "consent": row.consent}
        return RenderRow(
            id=row.id, uri=row.uri, width=size[0], height=size[1], fps=float(fps), frames=frames,
            video=video, truth=truth.to_bytes(), dub=dub,
            dub_truth=dub_truth.to_bytes() if dub_truth else None,
            poster=encode_jpeg(np.concatenate(list(samples), axis=1)), **(rights | facts),
        )  # fmt: skip

    def _encoded(self, frames: Any, sound: np.ndarray | None, fps: float) -> bytes:
        return encode_video(None, frames, fps, sound, crf=self.config.crf)


def _staged(config: RenderConfig, take: Take) -> tuple[Person, Scene, Spoken, Spoken]:
    """Every choice of a take comes from its own numbers, so that any one can be made again alone."""
    person = make_person(take.seed * 1_000_003 + take.person)
    rng, other = (np.random.default_rng([take.seed, take.person, take.take, half]) for half in (0, 1))
    frames = round(rng.uniform(config.min_seconds, config.max_seconds) * FPS)
    sung, covered, close = (float(draw) for draw in rng.random(3))
    kind = str(rng.choice(KINDS)) if covered < config.occluded else None
    scene = make_scene(
        rng, person, frames, occluder=kind, framing="close" if close < config.close else "bust"
    )
    said, dubbed = (_spoken(r, person, frames, sung < config.sung) for r in (rng, other))
    return person, scene, said, dubbed


def _spoken(rng: np.random.Generator, person: Person, frames: int, sung: bool) -> Spoken:
    speech = speak(rng, frames / FPS, singing=sung)
    return Spoken(speech, synthesise(speech, person.voice, rng))


def _filmed(config: RenderConfig, scene: Scene, said: Spoken) -> Rendered:
    return render(scene, said.speech.mouth(FPS, scene.frames), (config.width, config.height))


def _covered(film: Rendered) -> float:
    return float((~film.visible_FL[:, film.mouth_landmarks]).any(axis=1).mean())


def _truth(config: RenderConfig, person: Person, scene: Scene, said: Spoken, film: Rendered) -> Truth:
    columns = {
        **dict(zip(SPEECH, said.speech.mouth(FPS, scene.frames).T, strict=True)),
        **dict(zip(("yaw", "pitch", "roll"), scene.pose_F3.T, strict=True)),
        **dict(zip(("shift_x", "shift_y"), scene.shift_F2.T, strict=True)),
        **dict(zip(("gaze_x", "gaze_y"), scene.gaze_F2.T, strict=True)),
        "brow": scene.brow_F,
        "smile": scene.smile_F,
        "blink": scene.blink_F,
    }
    return Truth(
        names=tuple(columns),
        coefficients_FC=np.stack(list(columns.values()), axis=1),
        shape_K=person.shape_K,
        landmarks_FL2=film.landmarks_FL2,
        visible_FL=film.visible_FL,
        five_F52=film.five_F52,
        face_FHW=face_mask(scene, (config.width, config.height)),
        occluder_FHW=film.labels_FHW == Part.OCCLUDER,
        phones=tuple((p.name, p.start_s, p.end_s) for p in said.speech.phones),
    )
