"""Directs scenes: who sits where, how they move, in which light and room, and what comes before their face.

    make_scene(np.random.default_rng(7), make_person(7), frames=125, occluder="cup", framing="bust")

Everything follows from the rng. All motion is band-limited, so that a tracker may be held to following it.
"""

from dataclasses import replace

import numpy as np

from models.world.body.head import head
from models.world.body.morphable import rotations
from models.world.motion import FPS, bump, wander
from models.world.occluders import make_occluder
from models.world.people import Person
from models.world.rooms import make_backdrop
from models.world.scene import Camera, Light, Scene

Rng = np.random.Generator
FRAMINGS = ("close", "bust", "far")
LIMITS_3 = np.array([0.75, 0.38, 0.30])
"""Radians of yaw, pitch and roll that no pose passes: beyond them half of the mouth is out of sight."""
BLINK_6 = np.array([0.45, 1.0, 1.0, 0.75, 0.4, 0.15])
"""Lids fall faster than they rise; a quarter of a second in all."""


def make_scene(
    rng: Rng, person: Person | None, frames: int, *, occluder: str | None = None, framing: str = "close"
) -> Scene:
    """Makes a take of one person, or of an empty room."""
    if framing not in FRAMINGS:
        raise ValueError(f"There is no framing {framing!r}; choose one of {', '.join(FRAMINGS)}")
    if occluder and person is None:
        raise ValueError(f"A {occluder!r} needs a face to come before; give a person, or no occluder")
    pose_F3 = _pose(rng, frames)
    scene = Scene(
        person=person,
        pose_F3=pose_F3,
        shift_F2=rng.uniform(-0.05, 0.05, 2) + wander(rng, frames, 0.6, 0.025, 2),
        brow_F=_brows(rng, frames),
        smile_F=np.clip(rng.uniform(-0.4, 0.8) + wander(rng, frames, 0.3, 0.2)[:, 0], -1, 1),
        blink_F=_blinks(rng, frames),
        gaze_F2=_gaze(rng, pose_F3),
        light=_light(rng, frames),
        backdrop_HW3=make_backdrop(rng),
        drift_F2=_drift(rng, frames),
        occluder=None,
        camera=_camera(rng, framing),
    )
    if occluder is None or person is None:
        return scene
    return replace(scene, occluder=make_occluder(occluder, rng, person, frames, _mouth(scene)))


def beside(rng: Rng, persons: tuple[Person, Person], frames: int) -> tuple[Scene, Scene]:
    """Puts two people into one picture, left and right, in one light and room.

    The first is drawn `behind` the second.
    """
    left = make_scene(rng, persons[0], frames, framing="bust")
    right = make_scene(rng, persons[1], frames, framing="bust")
    scales, apart = rng.uniform(0.17, 0.20) * rng.uniform(0.94, 1.06, 2), rng.uniform(0.24, 0.27)
    centres = [
        np.array([0.5 + side * apart, _seat(rng, scale)]) for side, scale in zip((-1, 1), scales, strict=True)
    ]
    first = replace(left.camera, scale=scales[0], centre_2=centres[0], noise=0.0, blur=0.0)
    second = replace(left.camera, scale=scales[1], centre_2=centres[1])  # its noise and blur fall on both
    right = replace(right, light=left.light, backdrop_HW3=left.backdrop_HW3, drift_F2=left.drift_F2)
    return replace(left, camera=first), replace(right, camera=second)


def _pose(rng: Rng, frames: int) -> np.ndarray:
    """A bearing, a restless head about it, and in some takes a quick turn or a few nods."""
    pose_F3 = rng.normal(0, (0.20, 0.06, 0.05)) + wander(rng, frames, 0.6, np.array([0.09, 0.045, 0.035]), 3)
    length = frames / FPS
    if rng.random() < 0.25:
        pose_F3[:, 0] += (
            rng.choice([-1, 1]) * rng.uniform(0.25, 0.5) * bump(frames, rng.uniform(0, length), 0.3)
        )
    if rng.random() < 0.25:
        nod_F = np.sin(2 * np.pi * rng.uniform(1.2, 2.0) * np.arange(frames) / FPS)
        pose_F3[:, 1] += rng.uniform(0.05, 0.11) * nod_F * bump(frames, rng.uniform(0, length), 0.5)
    return LIMITS_3 * np.tanh(pose_F3 / LIMITS_3)


def _brows(rng: Rng, frames: int) -> np.ndarray:
    flash_F = rng.uniform(0, 0.8) * bump(frames, rng.uniform(0, frames / FPS), 0.15)
    return np.clip(wander(rng, frames, 0.8, 0.3)[:, 0] + flash_F, -1, 1)


def _blinks(rng: Rng, frames: int) -> np.ndarray:
    """One every one to four seconds, now and then two in a row."""
    blink_F, start = np.zeros(frames + len(BLINK_6)), int(rng.integers(0, 2 * FPS))
    while start < frames:
        blink_F[start : start + len(BLINK_6)] = BLINK_6
        start += int(rng.integers(FPS, 4 * FPS)) if rng.random() < 0.85 else int(rng.integers(9, 14))
    return blink_F[:frames]


def _gaze(rng: Rng, pose_F3: np.ndarray) -> np.ndarray:
    """At the camera as far as the head's turn lets the eyes, with glances away that end as fast as they began."""
    frames = len(pose_F3)
    glance_F2, start = np.zeros((frames, 2)), 0
    while start < frames:
        stay = int(rng.integers(8, 60))
        glance_F2[start : start + stay] = (
            rng.normal(0, (0.22, 0.1)) if rng.random() < 0.4 else rng.normal(0, 0.03, 2)
        )
        start += stay
    towards_F2 = 0.8 * np.stack([-pose_F3[:, 0], pose_F3[:, 1]], -1)
    return np.clip(towards_F2 + glance_F2, -0.6, 0.6)


MOODS = np.array([
    # ambient, diffuse, red, green, blue
    [0.52, 0.55, 1.00, 1.00, 1.00],
    [0.44, 0.68, 1.06, 1.00, 0.92],
    [0.46, 0.62, 0.95, 1.00, 1.06],
    [0.34, 0.82, 1.02, 1.00, 0.97],
    [0.66, 0.36, 1.00, 1.00, 1.00],
    [0.34, 0.46, 1.10, 0.97, 0.82],
    [0.36, 0.50, 0.90, 0.98, 1.10],
])  # fmt: skip
"""Studio, sun, window, hard lamp, dull sky, evening lamp, screen at night."""


def _light(rng: Rng, frames: int) -> Light:
    """From any side before the face; in a third of the takes it moves, as when a cloud or a car goes by."""
    ambient, diffuse, *tint = MOODS[rng.integers(len(MOODS))]
    moves = 0.35 if rng.random() < 1 / 3 else 0.0
    side_F, up_F = (rng.uniform((-1.3, 0.05), (1.3, 1.0)) + wander(rng, frames, 0.3, moves, 2)).T
    direction_F3 = np.stack([np.sin(side_F) * np.cos(up_F), np.sin(up_F), np.cos(side_F) * np.cos(up_F)], -1)
    power = rng.uniform(0.9, 1.1)
    tint_3 = np.array(tint) * rng.uniform(0.97, 1.03, 3)
    return Light(direction_F3.astype(np.float32), ambient * power, diffuse * power, tint_3.astype(np.float32))


def _drift(rng: Rng, frames: int) -> np.ndarray:
    """Sideways only, as a room closes on itself that way; most cameras stand on a tripod."""
    size = 0.012 if rng.random() < 0.3 else 0.0
    return wander(rng, frames, 0.4, size, 2) * (1, 0)


def _camera(rng: Rng, framing: str) -> Camera:
    if framing == "close":
        scale, centre_2 = rng.uniform(0.33, 0.375), rng.uniform((0.48, 0.45), (0.52, 0.48))
    else:
        scale = rng.uniform(0.18, 0.24) if framing == "bust" else rng.uniform(0.064, 0.085)
        centre_2 = np.array([rng.uniform(0.3, 0.7), _seat(rng, scale)])
    blur = rng.choice([0, rng.uniform(0.001, 0.005)])
    return Camera(scale, centre_2, rng.uniform(0.002, 0.018), float(blur), rng.uniform(0.85, 1.15))


def _seat(rng: Rng, scale: float) -> float:
    """How far down the picture a person's origin is: so that its lower edge cuts the body, which ends at -2.5."""
    return 1 - scale * rng.uniform(2.15, 2.4)


def _mouth(scene: Scene) -> np.ndarray:
    """Where the middle of the lips goes in the room, F3: at rest on the mean face, turned about the neck."""
    pivot_3 = head().neck.pivot_3
    mouth_F3 = rotations(scene.pose_F3) @ (np.array([0.0, -0.5, 0.85]) - pivot_3) + pivot_3
    mouth_F3[:, :2] += scene.shift_F2
    return mouth_F3
