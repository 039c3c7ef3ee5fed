"""Makes what the mini head encoder learns from: a few frames of many people, and the head's numbers behind them.

C counts clips, F frames of each, S shape coefficients, M frame coefficients.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.faces.nets import CROP
from models.faces.warp import warp
from models.heads.coefficients import FRAME_COEFFICIENTS, SHAPE_COEFFICIENTS
from models.heads.encoder import encoder_view
from models.mini.world_clips import centred
from models.mini.world_pictures import SPAN, TRAINING, make_empty_room, random_mouths, some_frames
from models.world.body.head import head
from models.world.direct import make_scene
from models.world.mesh import expressions
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.raster import CAMERA_Z
from models.world.render import render
from models.world.scene import Scene
from models.world.sound.speech import speak

SIDE = 64
"""Pixels of a mini clip's side."""
DEPTH = 0.5
"""How near to the camera a face is on the average, in the head's units: where its shift is turned to pixels."""
OCCLUDED, SPOKEN = 0.4, 0.8
"""Share of clips with something before the face, and with speech; in the others the mouth is anywhere."""
EMPTY_FRAMES = 0.04
"""Share of frames that are replaced by an empty room."""
SIZED, SHIFTED = 0.06, 0.03
"""How far the square of a clip may be off, as standard deviations of its log size and of its middle."""


@dataclass(frozen=True)
class Corpus:
    """Frames of many clips, the coefficients behind them, and empty rooms."""

    rgb_CFHWC: np.ndarray
    shape_CS: np.ndarray
    moves_CFM: np.ndarray
    rooms_NHWC: np.ndarray


def corpus(seed: int, people: int, frames: int, rooms: int) -> Corpus:
    """Makes the corpus: so many frames each of so many people."""
    takes = [take(seed, person, frames) for person in range(TRAINING, TRAINING + people)]
    pictures, shapes, moves = zip(*takes, strict=True)
    empty = [make_empty_room(seed, TRAINING + n, 3, (SIDE, SIDE)).rgb_FHWC for n in range(rooms)]
    return Corpus(np.stack(pictures), np.stack(shapes), np.stack(moves), np.concatenate(empty))


def take(seed: int, person: int, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns some frames of a person's clip, far apart; the person's shape, and each frame's coefficients."""
    rng = np.random.default_rng([seed, person, 4])
    kind = str(rng.choice(KINDS)) if rng.random() < OCCLUDED else None
    scene = make_scene(rng, make_person(person), SPAN, occluder=kind, framing="close")
    some_F = np.sort(rng.choice(SPAN, frames, replace=False))
    spoken_F3 = speak(rng, SPAN / 25).mouth(25, SPAN)[some_F]
    mouth_F3 = spoken_F3 if rng.random() < SPOKEN else random_mouths(rng, frames)
    scene = centred(some_frames(scene, some_F), mouth_F3, rng)
    rgb_FHWC = render(scene, mouth_F3, (SIDE, SIDE)).rgb_FHWC
    return rgb_FHWC, shape_of(scene), moves_of(scene, mouth_F3)


def shape_of(scene: Scene) -> np.ndarray:
    """Returns the true shape in the encoder's terms."""
    assert scene.person is not None
    return scene.person.shape_K[[head().identity_names.index(name) for name in SHAPE_COEFFICIENTS]]


def moves_of(scene: Scene, mouth_F3: np.ndarray) -> np.ndarray:
    """Returns each frame's true coefficients (F, M); what moves the whole person is left to the camera."""
    drawn = dict(zip(head().expression_names, expressions(scene, mouth_F3).T, strict=True))
    scale = scene.camera.scale * CAMERA_Z / (CAMERA_Z - DEPTH)
    across_F, down_F = (scene.camera.centre_2 + scene.shift_F2[: len(mouth_F3)] * (scale, -scale)).T
    where = dict(zip(("yaw", "pitch", "roll"), scene.pose_F3[: len(mouth_F3)].T, strict=True))
    where |= {"opening": mouth_F3[:, 0], "x": across_F, "y": down_F}
    where["scale"] = np.full(len(mouth_F3), np.log(scene.camera.scale))
    return np.stack([(drawn | where)[name] for name in FRAME_COEFFICIENTS], -1).astype(np.float32)


@dataclass(frozen=True)
class Batch:
    """Some clips, and whether there is a face in each of their frames."""

    rgb_CF3HW: Tensor
    shape_CS: Tensor
    moves_CFM: Tensor
    there_CF: Tensor


def draw(made: Corpus, picked_C: np.ndarray, rng: np.random.Generator) -> Batch:
    """Cuts these clips a little otherwise, mirrors half, and now and then puts in a frame of an empty room."""
    moves_CFM = made.moves_CFM[picked_C]
    pairs = zip(made.rgb_CFHWC[picked_C], moves_CFM, strict=True)
    rgb_CF3HW = np.stack([recut(rgb_FHWC, moves_FM, rng) for rgb_FHWC, moves_FM in pairs])
    gone_CF = rng.random(moves_CFM.shape[:2]) < EMPTY_FRAMES
    rooms_NHWC = made.rooms_NHWC[rng.integers(len(made.rooms_NHWC), size=int(gone_CF.sum()))]
    rgb_CF3HW[gone_CF] = rooms_NHWC.transpose(0, 3, 1, 2)
    made_of = (rgb_CF3HW, made.shape_CS[picked_C], moves_CFM, ~gone_CF)
    return Batch(*(torch.from_numpy(values) for values in made_of))


def recut(rgb_FHWC: np.ndarray, moves_FM: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns frames (F, 3, H, W) as the encoder takes them; the moves are changed in place to what is then true."""
    larger, shift_2 = float(np.exp(rng.normal(0, SIZED))), rng.normal(0, SHIFTED, 2)
    x, y, scale = (FRAME_COEFFICIENTS.index(name) for name in ("x", "y", "scale"))
    corner_2 = 0.5 * (1 - 1 / larger) + shift_2
    moves_FM[:, [x, y]] = (moves_FM[:, [x, y]] - corner_2) * larger
    moves_FM[:, scale] += np.log(larger)
    shrink, first = encoder_view(SIDE / larger)
    left, top = corner_2 * SIDE + first
    to_source_23 = np.array([[shrink, 0, left], [0, shrink, top]])
    rgb_F3HW = np.stack([warp(rgb_HWC, to_source_23, (CROP, CROP)) for rgb_HWC in rgb_FHWC])
    if rng.random() < 0.5:
        moves_FM[:, x] = 1 - moves_FM[:, x]
        moves_FM[:, [FRAME_COEFFICIENTS.index("yaw"), FRAME_COEFFICIENTS.index("roll")]] *= -1
        rgb_F3HW = rgb_F3HW[..., ::-1]
    return rgb_F3HW
