"""Makes clips of the procedural world as a rebuild cuts them, with the truth: the perception models learn from them.

A clip is a square round one face, as still as a tripod, 25 frames a second, with the speech that moves the mouth.
Everything in it follows from two numbers. F counts frames, L the head's landmarks.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.faces.face import face_centre, face_size
from models.world.body.head import head
from models.world.body.morphable import Part
from models.world.direct import make_scene
from models.world.mesh import pose
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.render import face_mask, project, render
from models.world.scene import Scene
from models.world.sound.speech import Speech, speak
from models.world.sound.voice import SAMPLE_RATE, synthesise

FPS = 25
MARGIN = 1.85
"""Side of the square over the size of the face, as in a rebuild."""


@dataclass(frozen=True)
class Clip:
    """One clip, with everything that is true of it."""

    person: int
    """The seed: from `models.mini.world_pictures.TRAINING` on they are for training."""
    rgb_FHWC: np.ndarray
    occluder_FHW: np.ndarray
    """bool: the pixels of what is in front of the face."""
    occluder: str | None
    """What it is, as a person would call it."""
    face_FHW: np.ndarray
    """bool: the face with its jaw at the fixed opening, whatever is in front of it."""
    mouth_F3: np.ndarray
    """Opening, width, protrusion."""
    landmarks_FL2: np.ndarray
    visible_FL: np.ndarray
    five_F52: np.ndarray
    speech: Speech
    scene: Scene

    @cached_property
    def sound(self) -> np.ndarray:
        """16 kHz mono, just as long as the picture; made only when asked for, as it takes longer than the picture."""
        assert self.scene.person is not None
        rng = np.random.default_rng([self.person, 4])
        return synthesise(self.speech, self.scene.person.voice, rng)[
            : len(self.mouth_F3) * SAMPLE_RATE // FPS
        ]


def make_clip(
    seed: int, person: int, frames: int, size: int = 64, *, occluded: float = 0.4, kind: str | None = None,
    mouth_F3: np.ndarray | None = None, sung: float = 0.1,
) -> Clip:  # fmt: skip
    """Makes a clip of one person.

    `kind`: this occluder; else one of all in a share of `occluded` clips. `mouth_F3` in place of the speech.
    """
    rng = np.random.default_rng([seed, person, 3])
    if kind is None and rng.random() < occluded:
        kind = str(rng.choice(KINDS))
    who = make_person(person)
    scene = make_scene(rng, who, frames, occluder=kind, framing="close")
    speech = speak(rng, max(frames / FPS, 0.6), singing=bool(rng.random() < sung))
    mouth_F3 = speech.mouth(FPS, frames) if mouth_F3 is None else mouth_F3
    scene = centred(scene, mouth_F3, rng)
    done = render(scene, mouth_F3, (size, size))
    return Clip(
        person=person,
        rgb_FHWC=done.rgb_FHWC,
        occluder_FHW=done.labels_FHW == Part.OCCLUDER,
        occluder=kind,
        face_FHW=face_mask(scene, (size, size)),
        mouth_F3=mouth_F3,
        landmarks_FL2=done.landmarks_FL2,
        visible_FL=done.visible_FL,
        five_F52=done.five_F52,
        speech=speech,
        scene=scene,
    )


def centred(scene: Scene, mouth_F3: np.ndarray, rng: np.random.Generator) -> Scene:
    """Puts the camera where the face fills the square as in a clip, give or take what a tracker errs."""
    xy_FV2, _ = project(scene, pose(scene, mouth_F3), (1, 1))
    five_F52 = head().landmarks(xy_FV2)[:, head().five()]
    centre_2 = np.mean([face_centre(five_52) for five_52 in five_F52], axis=0)
    size = float(np.mean([face_size(five_52) for five_52 in five_F52]))
    closer = float(np.exp(rng.normal(0, 0.04))) / (MARGIN * size)
    at_2 = 0.5 + rng.normal(0, 0.02, 2) - (centre_2 - scene.camera.centre_2) * closer
    return replace(scene, camera=replace(scene.camera, scale=scene.camera.scale * closer, centre_2=at_2))
