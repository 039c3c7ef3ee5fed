"""Films one take of the procedural world: who, what is said, in which scene, and what is then true of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.world.body.head import head
from models.world.body.morphable import Part
from models.world.direct import make_scene
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.render import Rendered, face_mask, render
from models.world.sound.speech import Speech, speak
from models.world.sound.voice import synthesise
from storage.sources.takes import Take
from tasks.truth import SPEECH, Truth

FPS = 25


@dataclass(frozen=True)
class Recording:
    """One of the two halves of a take: what is said, seen and heard in it, and what is true of it."""

    speech: Speech
    sound: np.ndarray
    rendered: Rendered
    truth: Truth

    @property
    def rgb_FHWC(self) -> np.ndarray:
        return self.rendered.rgb_FHWC

    @property
    def covered_share(self) -> float:
        """Share of frames in which something hides a point of the lips."""
        names = head().landmark_names
        lips = [i for i, name in enumerate(names) if name.startswith(("upper_", "lower_", "mouth_"))]
        return float((~self.rendered.visible_FL[:, lips]).any(axis=1).mean())


class WorldTake:
    """One take, filmed when it is asked for.

    Every choice comes from the take's own numbers, so that any one can be made again alone.
    """

    def __init__(
        self, take: Take, size: tuple[int, int], seconds: tuple[float, float],
        occluded: float, sung: float, close: float,
    ) -> None:  # fmt: skip
        self.take, self.size = take, size
        self.person = make_person(take.seed * 1_000_003 + take.person)
        rng = self._rng(0)
        self.frames = round(rng.uniform(*seconds) * FPS)
        draws = rng.random(3)
        self.sung = bool(draws[0] < sung)
        kind = str(rng.choice(KINDS)) if draws[1] < occluded else None
        framing = "close" if draws[2] < close else "bust"
        self.scene = make_scene(rng, self.person, self.frames, occluder=kind, framing=framing)

    def _rng(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self.take.seed, self.take.person, self.take.take, use])

    @cached_property
    def main(self) -> Recording:
        return self._film(self._rng(1))

    @cached_property
    def dub(self) -> Recording:
        """The same take with other speech: only what speech moves differs."""
        return self._film(self._rng(2))

    @property
    def occluder(self) -> str:
        return self.scene.occluder.kind if self.scene.occluder else ""

    def _film(self, rng: np.random.Generator) -> Recording:
        speech = speak(rng, self.frames / FPS, singing=self.sung)
        sound = synthesise(speech, self.person.voice, rng)
        mouth_F3 = speech.mouth(FPS, self.frames)
        rendered = render(self.scene, mouth_F3, self.size)
        return Recording(speech, sound, rendered, self._truth(speech, mouth_F3, rendered))

    def _truth(self, speech: Speech, mouth_F3: np.ndarray, rendered: Rendered) -> Truth:
        scene = self.scene
        columns = {
            **dict(zip(SPEECH, mouth_F3.T, strict=True)),
            **dict(zip(("yaw", "pitch", "roll"), scene.pose_F3.T, strict=True)),
            **dict(zip(("shift_x", "shift_y"), scene.shift_F2.T, strict=True)),
            **dict(zip(("gaze_x", "gaze_y"), scene.gaze_F2.T, strict=True)),
            **{"brow": scene.brow_F, "smile": scene.smile_F, "blink": scene.blink_F},
        }
        return Truth(
            names=tuple(columns),
            coefficients_FC=np.stack(list(columns.values()), axis=1),
            shape_K=self.person.shape_K,
            landmarks_FL2=rendered.landmarks_FL2,
            visible_FL=rendered.visible_FL,
            five_F52=rendered.five_F52,
            face_FHW=face_mask(scene, self.size),
            occluder_FHW=rendered.labels_FHW == Part.OCCLUDER,
            phones=tuple((p.name, p.start_s, p.end_s) for p in speech.phones),
        )
