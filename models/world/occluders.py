"""Makes things that come between a face and its camera: held up, passed across, or worn.

Non-worn ones aim at the mouth, so that in part of every take something is in front of the lips.
"""

from collections.abc import Callable

import numpy as np

from models.world import hands, worn
from models.world.motion import FPS, smoothstep, wander
from models.world.people import Person
from models.world.raster import CAMERA_Z
from models.world.scene import Occluder
from models.world.solids import Solid, join, patch, slab, tube, turned

Rng = np.random.Generator
NEAR = 1.32
"""Where in depth a thing is held: before the longest nose, though its owner nods."""
MOUTH_3 = (0.0, -0.5, 0.85)
"""Where a mouth is when nobody says."""
BRIGHT = np.array([[0.92, 0.90, 0.86], [0.72, 0.16, 0.15], [0.16, 0.30, 0.55], [0.14, 0.14, 0.16], [0.85, 0.66, 0.22],
                   [0.20, 0.44, 0.36], [0.80, 0.48, 0.40], [0.50, 0.62, 0.72]])  # fmt: skip


def make_occluder(
    kind: str, rng: Rng, person: Person, frames: int, mouth_F3: np.ndarray | None = None
) -> Occluder:
    """Makes one of KINDS, in its owner's skin or cut to their face; `mouth_F3` is where the mouth goes in the room."""
    if kind not in KINDS:
        raise ValueError(f"There is no occluder {kind!r}; choose one of {', '.join(KINDS)}")
    if kind in WORN:
        return WORN[kind](rng, person).worn(kind, frames)
    make, manners = HELD[kind]
    solid = make(rng, np.asarray(person.skin, float))
    if rng.random() < 0.5:
        solid = solid.mirrored()
    mouth_F3 = np.broadcast_to(MOUTH_3, (frames, 3)) if mouth_F3 is None else mouth_F3
    places_F3 = _aim(rng, mouth_F3) + manners[rng.integers(len(manners))](rng, frames)
    lean_3, shake = rng.normal(0, (0.15, 0.08, 0.16)), wander(rng, frames, 0.8, 0.035, 3)
    return solid.moved(kind, places_F3, lean_3 + shake)


def _aim(rng: Rng, mouth_F3: np.ndarray) -> np.ndarray:
    """The place at arm's depth that hides the mouth; the arm follows a moving head only in part."""
    mean_3 = mouth_F3.mean(0)
    aim_F3 = mean_3 + rng.uniform(0.3, 1.0) * (mouth_F3 - mean_3)
    hides_F1 = (CAMERA_Z - NEAR) / (CAMERA_Z - aim_F3[:, 2:])
    return np.concatenate([aim_F3[:, :2] * hides_F1, np.full((len(aim_F3), 1), NEAR)], 1)


def _peak(rng: Rng, frames: int) -> tuple[np.ndarray, float]:
    """Seconds from the moment when most is hidden, and the length of the take."""
    length = frames / FPS
    return np.arange(frames) / FPS - rng.uniform(0.3, 0.7) * length, length


def across(rng: Rng, frames: int) -> np.ndarray:
    """Returns a way past the face from side to side, once, slightly bowed."""
    seconds_F, length = _peak(rng, frames)
    x_F = rng.choice([-1, 1]) * rng.uniform(0.7, 1.8) * seconds_F + 0 * length
    y_F = rng.uniform(-0.12, 0.1) - 0.12 * x_F**2 / (1 + np.abs(x_F))
    return np.stack([x_F, y_F, 0 * x_F], -1) + wander(rng, frames, 0.7, 0.03, 3) * (1, 1, 0)


def up(rng: Rng, frames: int) -> np.ndarray:
    """Returns a way up from below, with a rest before the mouth, and down again."""
    seconds_F, length = _peak(rng, frames)
    rest, rise = rng.uniform(0.1, 0.35) * length, rng.uniform(0.5, 1.2)
    low_F = smoothstep((np.abs(seconds_F) - rest / 2) / rise)
    x_F = rng.uniform(-0.15, 0.15) + rng.uniform(-0.5, 0.5) * low_F
    y_F = rng.uniform(-0.1, 0.06) - rng.uniform(1.5, 2.2) * low_F
    return np.stack([x_F, y_F, 0 * x_F], -1) + wander(rng, frames, 0.7, 0.025, 3) * (1, 1, 0)


def hover(rng: Rng, frames: int) -> np.ndarray:
    """Returns a place over a part of the mouth, held all the time, a little restless."""
    place_3 = np.array([rng.uniform(-0.16, 0.16), rng.uniform(-0.14, 0.04), 0])
    return place_3 + wander(rng, frames, 0.5, 0.06, 3) * (1, 1, 0)


def _microphone(rng: Rng, skin: np.ndarray) -> Solid:
    """A ball of steel mesh, a collar, a dark handle and the hand that holds it; the ball's middle is the origin."""
    steel, body_3 = rng.uniform(0.30, 0.62), np.array([0.10, 0.10, 0.11]) * rng.uniform(0.8, 2)
    tall_R = np.linspace(np.pi, 0.0, 11)
    mesh_RS1 = np.where(np.arange(11)[:, None] % 2 | np.arange(16) % 2, 0.75, 1.45)[..., None]
    ball = turned(
        np.stack([0.25 * np.sin(tall_R), 0.25 * np.cos(tall_R) * 1.05], -1), steel * np.ones(3) * mesh_RS1, 16
    )
    ring_R2 = [(0.2, -0.17), (0.26, -0.16), (0.26, -0.07), (0.2, -0.06)]
    collar = turned(ring_R2, BRIGHT[rng.integers(len(BRIGHT))] if rng.random() < 0.5 else 0.6 * body_3 + 0.25)
    handle = turned([(0.0, -1.5), (0.09, -1.5), (0.09, -1.5), (0.13, -0.42), (0.17, -0.18)], body_3, 10)
    held = hands.grip(rng, skin, 0.10, 0.10).at((0, -0.62, 0))
    tilt = (0, rng.uniform(-0.1, 0.3), rng.uniform(0.1, 0.6))
    return join(ball, collar, handle, held).at((0, rng.uniform(-0.06, 0.04), 0), tilt)


def _cup(rng: Rng, skin: np.ndarray) -> Solid:
    """A mug with a band, its inside darker, held by its handle; the origin is above its middle."""
    glaze_3, band_3 = BRIGHT[rng.choice(len(BRIGHT), 2, replace=False)]
    wall_R2 = [(0, -0.48), (0.30, -0.48), (0.34, -0.42), (0.36, -0.2), (0.36, -0.2), (0.37, 0.0), (0.37, 0.0),
               (0.39, 0.38), (0.385, 0.42), (0.35, 0.42), (0.35, 0.42), (0.33, 0.30), (0, 0.30)]  # fmt: skip
    colours = np.array(
        [glaze_3] * 4 + [band_3] * 2 + [glaze_3] * 4 + [0.5 * glaze_3] * 2 + [[0.25, 0.15, 0.09]]
    )
    turn_9 = np.linspace(1.75, -1.75, 9)
    ear_93 = np.stack([0.38 + 0.30 * np.cos(turn_9), -0.02 + 0.30 * np.sin(turn_9), 0 * turn_9], -1)
    held = hands.grip(rng, 0.97 * skin, 0.02, 0.06, fingers=3, around=(-10, 190), thumb=False)
    mug = join(turned(wall_R2, colours[:, None], 18), tube(ear_93, 0.06, 0.93 * glaze_3, 7))
    return join(mug, held.at((0.66, 0.08, 0.0), size=0.9)).at((0, -0.05, 0.1), (0, 0.25, 0))


def _phone(rng: Rng, skin: np.ndarray) -> Solid:
    """Its back with the cameras, or its lit screen, in a hand from below; the origin is above its middle."""
    body_3 = BRIGHT[rng.integers(len(BRIGHT))] * 0.85
    parts = [_phone_screen(rng) if rng.random() < 0.4 else _phone_back(body_3)]
    parts.append(hands.grip(rng, skin, 0.38, 0.10, around=(15, 110)).at((0, -0.18, 0)))
    return join(*parts).at((0, rng.uniform(-0.15, 0.2), 0), (0, 0, rng.uniform(-0.25, 0.1)))


def _phone_back(body_3: np.ndarray) -> Solid:
    lens_3, glass_3 = np.array([0.05, 0.05, 0.07]), np.array([0.42, 0.44, 0.48])
    bump = slab(0.34, 0.36, 0.05, 0.75 * body_3, 0.6 * body_3).at((-0.16, 0.52, 0.06))
    places = ((-0.23, 0.60), (-0.23, 0.44), (-0.09, 0.52))
    rims = [patch(0.14, 0.14, glass_3, 1).at((x, y, 0.09)) for x, y in places]
    lenses = [patch(0.09, 0.09, lens_3, 1).at((x, y, 0.095)) for x, y in places]
    return join(slab(0.78, 1.56, 0.09, 0.8 * body_3, body_3, 0.03), bump, *rims, *lenses)


def _phone_screen(rng: Rng) -> Solid:
    """A dark glass with rows of bright tiles."""
    black_3, parts = np.array([0.06, 0.06, 0.07]), []
    screen_3 = np.array([0.10, 0.14, 0.24]) * rng.uniform(0.8, 2)
    parts.append(slab(0.78, 1.56, 0.09, black_3, screen_3, 0.06, 0.25))
    for x in (-0.21, 0.0, 0.21):
        for y in (0.45, 0.21):
            tile_3 = BRIGHT[rng.integers(len(BRIGHT))]
            parts.append(patch(0.14, 0.14, tile_3, 0.4).at((x, y, 0.05)))
    return join(*parts)


def _book(rng: Rng, skin: np.ndarray) -> Solid:
    """A hardback, its white pages showing at the side and on top; the origin is near its upper edge."""
    cloth_3, ink_3 = BRIGHT[rng.choice(len(BRIGHT), 2, replace=False)]
    paper_3, wide, high = np.array([0.93, 0.90, 0.82]), rng.uniform(0.95, 1.1), rng.uniform(1.3, 1.5)
    sheets = [slab(wide - 0.05, high - 0.05, 0.125, paper_3 * tone, square=0.05).at((0.01, 0.01, z))
              for z, tone in ((-0.165, 0.85), (-0.04, 1.0))]  # fmt: skip
    front = slab(wide, high, 0.03, 0.85 * cloth_3, cloth_3, 0.03, 0.05).at((0, 0, 0.04))
    back = patch(wide, high, 0.8 * cloth_3, 0.05).at((0, 0, -0.23))
    spine = tube(
        [(-wide / 2, -high / 2 + 0.1, -0.1), (-wide / 2, high / 2 - 0.1, -0.1)], 0.14, 0.8 * cloth_3, 7
    )
    lines = [patch(wide * share, thick, ink_3, 0.1).at((0.02, y * high, 0.062))
             for share, thick, y in ((0.66, 0.12, 0.36), (0.50, 0.08, 0.25), (0.36, 0.05, -0.38))]  # fmt: skip
    picture = patch(wide * 0.5, 0.4, 0.5 * ink_3 + 0.4 * cloth_3, 0.9).at((0.02, -0.05 * high, 0.062))
    held = hands.grip(rng, skin, wide / 2 - 0.02, 0.14, around=(15, 62), thumb=False).at(
        (0, -0.15 * high, -0.05)
    )
    turn = (-rng.uniform(0.4, 0.6), 0.22, rng.normal(0, 0.08))
    return join(*sheets, front, back, spine, *lines, picture, held).at((0, -0.32, 0.15), turn)


def _hand(rng: Rng, skin: np.ndarray) -> Solid:
    return hands.open_hand(rng, skin).at((0, rng.uniform(-0.6, 0.05), 0), (0, 0, rng.uniform(-0.7, 0.2)))


def _finger(rng: Rng, skin: np.ndarray) -> Solid:
    return hands.pointing_hand(rng, skin).at((0, rng.uniform(-0.05, 0.1), 0), (0, 0, rng.uniform(-0.1, 0.35)))


Manner = Callable[[Rng, int], np.ndarray]
HELD: dict[str, tuple[Callable[[Rng, np.ndarray], Solid], tuple[Manner, ...]]] = {
    "hand": (_hand, (across, up, hover)),
    "microphone": (_microphone, (up, hover)),
    "cup": (_cup, (up, up, hover)),
    "phone": (_phone, (across, up, hover)),
    "book": (_book, (across, up, hover)),
    "finger": (_finger, (up, hover)),
}
"""How each is made, and the ways in which a person would bring it."""
WORN: dict[str, Callable[[Rng, Person], Solid]] = {
    "mask": worn.mask,
    "hair": worn.strand,
    "scarf": worn.scarf,
}
KINDS = (*HELD, *WORN)
