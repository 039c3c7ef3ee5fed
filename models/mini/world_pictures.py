"""Makes pictures of the procedural world, with the truth about every face in them: the mini models learn from them.

A shot is a few frames of one scene, far apart in time so that they differ in pose; everything in it follows
from its seed. F counts frames, L the head's landmarks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from models.world.body.morphable import Part
from models.world.direct import make_scene
from models.world.occluders import KINDS, WORN
from models.world.people import make_person
from models.world.render import render
from models.world.scene import Scene

SPAN = 100
"""Frames of motion that the frames of a shot are drawn from."""
TRAINING = 1_000_000
"""People with this seed or a higher one are trained on; those below are strangers to every mini model."""


@dataclass(frozen=True)
class Shot:
    """Some frames of one scene, with everything that is true of them."""

    person: int | None
    """The seed."""
    rgb_FHWC: np.ndarray
    points_FL2: np.ndarray
    visible_FL: np.ndarray
    five_F52: np.ndarray
    angles_F3: np.ndarray
    """Yaw, pitch, roll in degrees, with the signs of `models.faces.face.Shape`."""
    occluder: str | None

    @property
    def frames(self) -> int:
        return len(self.rgb_FHWC)


def make_shot(
    seed: int, person: int, frames: int, framing: str, size: tuple[int, int], occluded: float = 0.4
) -> Shot:
    """Makes a shot of one person. `occluded`: how often there is something in front of the face."""
    rng = np.random.default_rng([seed, person])
    kind = str(rng.choice(KINDS)) if rng.random() < occluded else None
    scene = make_scene(rng, make_person(person), SPAN, occluder=kind, framing=framing)
    scene = some_frames(scene, np.sort(rng.choice(SPAN, frames, replace=False)))
    done = render(scene, random_mouths(rng, frames), size)
    angles_F3 = np.degrees(scene.pose_F3 * (1, -1, -1)).astype(np.float32)
    points = done.landmarks_FL2, done.visible_FL, done.five_F52
    return Shot(person, done.rgb_FHWC, *points, angles_F3, kind)


def make_empty_room(seed: int, number: int, frames: int, size: tuple[int, int]) -> Shot:
    """Makes a room without anybody; in half of them is what might have hidden a face, with points on it."""
    rng = np.random.default_rng([seed, number, 0])
    kind = str(rng.choice([kind for kind in KINDS if kind not in WORN])) if rng.random() < 0.5 else None
    framing = str(rng.choice(("close", "bust")))
    scene = make_scene(rng, make_person(number), SPAN, occluder=kind, framing=framing)
    scene = some_frames(replace(scene, person=None), np.sort(rng.choice(SPAN, frames, replace=False)))
    done = render(scene, random_mouths(rng, frames), size)
    points_FL2 = np.zeros_like(done.landmarks_FL2)
    for labels_HW, points_L2 in zip(done.labels_FHW, points_FL2, strict=True):
        thing_N2 = np.argwhere(labels_HW == Part.OCCLUDER)[:, ::-1]
        if len(thing_N2):
            points_L2[:] = thing_N2[rng.integers(len(thing_N2), size=len(points_L2))]
    unseen_FL = np.zeros(points_FL2.shape[:2], bool)
    return Shot(
        None, done.rgb_FHWC, points_FL2, unseen_FL, done.five_F52, np.zeros((frames, 3), np.float32), kind
    )


def draw_shot(shots: Sequence[Shot], empty: float, rng: np.random.Generator) -> Shot:
    """Draws any of the shots; the given share of draws are empty rooms, which come last in the list."""
    first_room = next((n for n, shot in enumerate(shots) if shot.person is None), len(shots))
    if first_room == len(shots) or (first_room and rng.random() >= empty):
        return shots[int(rng.integers(first_room))]
    return shots[int(rng.integers(first_room, len(shots)))]


def random_mouths(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Returns opening, width and protrusion, each over all of its range, shut mouths among them."""
    opening = np.maximum(rng.uniform(-0.3, 1, frames), 0)
    return np.stack([opening, rng.uniform(-1, 1, frames), rng.uniform(0, 1, frames)], 1).astype(np.float32)


def mirrored_order(names: tuple[str, ...]) -> list[int]:
    """Returns where each landmark's twin on the other side of the face is, for pictures that are flipped."""
    swap = {"left": "right", "right": "left"}
    twins = ["_".join(swap.get(word, word) for word in name.split("_")) for name in names]
    return [names.index(twin) for twin in twins]


def some_frames(scene: Scene, some: np.ndarray) -> Scene:
    """Returns a scene with only some of its frames."""
    kept = {field.name: getattr(scene, field.name)[some] for field in fields(scene) if "_F" in field.name}
    light = replace(scene.light, direction_F3=scene.light.direction_F3[some])
    thing = scene.occluder
    if thing is not None:
        thing = replace(thing, vertices_FV3=thing.vertices_FV3[some])
    return replace(scene, **kept, light=light, occluder=thing)
