"""Films one person of the procedural world saying two things with the same movements of the head: a rendered pair.

Everything follows from the person's seed. F counts frames, L the head's landmarks.
"""

from dataclasses import dataclass

import numpy as np

from models.heads.lower_face import below_the_eyes
from models.heads.masks import dilated
from models.mini.world_clips import FPS, centred
from models.mini.world_pictures import some_frames
from models.world.body.head import head
from models.world.body.morphable import Part
from models.world.direct import make_scene
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.render import Rendered, face_mask, render
from models.world.scene import Scene
from models.world.sound.speech import Speech, speak
from models.world.sound.voice import SAMPLE_RATE, synthesise

SIDE = 64
SEGMENT = 25
"""Frames of a training window."""
AFTER = 25
"""Frames of the scene after those that are filmed; the far reference is from there."""
LEAD = range(2, 28)
"""At which frame of an utterance filming may begin."""
SPOKEN_S = 2.2
"""Seconds of an utterance of which a training window is filmed; a longer film has a longer one."""
FRINGE_PX = 2.5
"""By how much the lips' box is larger than the lips: what moves with them counts too."""


@dataclass(frozen=True)
class Said:
    """One of the two utterances: what moves the mouth, its sound, and where the window lies in it."""

    mouth_F3: np.ndarray
    sound: np.ndarray
    start: int
    """Frame of the sound at which the window begins: utterances begin and end with shut lips, windows seldom do."""


@dataclass(frozen=True)
class Pair:
    """One scene, filmed twice with other lips."""

    person: int
    occluder: str
    """What is before the face; '' for nothing."""
    said: tuple[Said, Said]
    rgb_2FHWC: np.ndarray
    paint_2FHW: np.ndarray
    """True where a generator paints: the face with its jaw at the fixed opening, without what hides it."""
    lips_2FHW: np.ndarray
    occluder_2FHW: np.ndarray
    """True where it shows what is before the face."""
    far_HWC: np.ndarray
    """Another moment of the same scene."""
    landmarks_2FL2: np.ndarray


BEGINS = 0.5
"""Where masks begin between the eyes and the nose, as in the stage facemask."""


def film(
    person: int,
    silent: float = 0.0,
    occluded: float = 0.35,
    clear: bool | None = None,
    begins: float | None = BEGINS,
    frames: int = SEGMENT,
) -> Pair:
    """Films a person. `silent`: how often the first utterance is none; `clear` settles what chance would."""
    rng = np.random.default_rng([12, person])
    who, shown = make_person(person), rng.random() < occluded
    shown = shown if clear is None else not clear
    kind = str(rng.choice(KINDS)) if shown else None
    scene = make_scene(rng, who, frames + AFTER, occluder=kind, framing="close")
    said = [_say(rng, who.voice, frames) for _ in range(2)]
    if rng.random() < silent:
        said[0] = _silence(rng, frames)
    scene = centred(scene, np.resize(said[0].mouth_F3, (scene.frames, 3)), rng)
    far = int(rng.integers(frames + AFTER // 2, scene.frames))
    done = [render(scene, one.mouth_F3, (SIDE, SIDE)) for one in said]
    other = speak(rng, 1.0).mouth(FPS, FPS)[int(rng.integers(FPS))]
    drawn_FHW = dilated(face_mask(some_frames(scene, np.arange(frames)), (SIDE, SIDE)), 1)
    if begins is not None:
        drawn_FHW &= below_the_eyes(done[1].five_F52, begins, SIDE)
    hidden = [one.labels_FHW == Part.OCCLUDER for one in done]
    return Pair(
        person,
        kind or "",
        (said[0], said[1]),
        np.stack([one.rgb_FHWC for one in done]),
        np.stack([drawn_FHW & ~hidden_FHW for hidden_FHW in hidden]),
        np.stack([_lips(one) & ~hidden_FHW for one, hidden_FHW in zip(done, hidden, strict=True)]),
        np.stack(hidden),
        _picture_at(scene, far, other),
        np.stack([one.landmarks_FL2 for one in done]),
    )


def _say(rng: np.random.Generator, voice, frames: int) -> Said:
    seconds = _spoken_s(frames)
    speech: Speech = speak(rng, seconds)
    sound, start = synthesise(speech, voice, rng), _start(rng)
    return Said(speech.mouth(FPS, round(seconds * FPS))[start : start + frames], sound, start)


def _silence(rng: np.random.Generator, frames: int) -> Said:
    """Shut lips and a faint hiss."""
    hiss = 10 ** rng.uniform(-5, -2.5) * rng.standard_normal(round(_spoken_s(frames) * SAMPLE_RATE))
    return Said(np.zeros((frames, 3), np.float32), hiss.astype(np.float32), _start(rng))


def _spoken_s(frames: int) -> float:
    return SPOKEN_S + (frames - SEGMENT) / FPS


def _start(rng: np.random.Generator) -> int:
    return int(rng.integers(LEAD.start, LEAD.stop))


def _picture_at(scene: Scene, frame: int, mouth_3: np.ndarray) -> np.ndarray:
    return render(some_frames(scene, np.array([frame])), mouth_3[None], (SIDE, SIDE)).rgb_FHWC[0]


def _lips(done: Rendered) -> np.ndarray:
    """The box round the lips, a little larger."""
    names = head().landmark_names
    of_lips = [n for n, name in enumerate(names) if name.startswith(("upper_", "lower_", "mouth_"))]
    mask_FHW = np.zeros(done.labels_FHW.shape, bool)
    for mask_HW, points_K2 in zip(mask_FHW, done.landmarks_FL2[:, of_lips], strict=True):
        (left, top), (right, bottom) = points_K2.min(0) - FRINGE_PX, points_K2.max(0) + FRINGE_PX
        mask_HW[max(int(top), 0) : max(int(bottom) + 1, 0), max(int(left), 0) : max(int(right) + 1, 0)] = True
    return mask_FHW
