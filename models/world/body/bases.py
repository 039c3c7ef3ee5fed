"""Displaces the mean head's vertices: how people's heads differ, and how a face moves, by name."""

from dataclasses import dataclass

import numpy as np

from models.world.body.morphable import Material, Part
from models.world.body.skin import EYE_X, EYE_Y, MOUTH_Y, bump, smooth


@dataclass(frozen=True)
class Rest:
    """The mean head, with what a displacement may depend on."""

    vertices_V3: np.ndarray
    sheet_V2: np.ndarray
    material_V: np.ndarray
    part_V: np.ndarray
    upper_V: np.ndarray
    blink_V3: np.ndarray
    hair_out_V3: np.ndarray
    """Outwards, on the cap of hair; 0 elsewhere."""
    bun_V: np.ndarray
    collar_V: np.ndarray

    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns 1 on what moves with the head, and on the front of the face."""
        on_head = ~np.isin(self.part_V, [Part.NECK, Part.BODY])
        front = on_head * smooth(0.05, 0.3, self.vertices_V3[:, 2]) * (self.material_V != Material.HAIR)
        return on_head.astype(float), front


def _move(
    x: np.ndarray | float = 0.0, y: np.ndarray | float = 0.0, z: np.ndarray | float = 0.0
) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*np.atleast_1d(x, y, z)), -1)


def identities(rest: Rest) -> dict[str, np.ndarray]:
    """Returns how people's heads differ."""
    return _bones(rest) | _features(rest) | _hair(rest) | {"collar": _move(y=0.25) * rest.collar_V[:, None]}


def _bones(rest: Rest) -> dict[str, np.ndarray]:
    x, y, z = rest.vertices_V3.T
    head, front = rest.masks()
    side, across = np.sign(x), np.abs(x)
    jaw = smooth(-0.1, -0.8, y)
    neck = np.isin(rest.part_V, [Part.NECK]) * smooth(-1.5, -1.25, y)
    shoulders = (rest.part_V == Part.BODY) * smooth(0.5, 1.0, across)
    return {
        "face_width": _move(x=0.07 * x * head + 0.05 * x * neck),
        "jaw_width": _move(x=0.11 * x * jaw * head),
        "face_length": _move(y=-0.08 * jaw * head),
        "forehead": _move(y=0.08 * smooth(0.4, 1.2, y) * head),
        "cheekbones": _move(
            x=0.05 * side * bump(across, y, 0.55, -0.1, 0.25, 0.22) * front,
            z=0.05 * bump(across, y, 0.42, -0.1, 0.2, 0.18) * front,
        ),
        "cheeks_full": _move(
            x=0.06 * side * bump(across, y, 0.55, -0.5, 0.3, 0.25) * head,
            z=0.05 * bump(across, y, 0.45, -0.45, 0.22, 0.22) * front,
        ),
        "chin_forward": _move(z=0.08 * front * bump(across, y, 0, -0.95, 0.28, 0.16)),
        "chin_pointed": _move(
            x=-0.15 * x * smooth(-0.75, -1.0, y) * head, y=-0.03 * bump(across, y, 0, -1.05, 0.2, 0.15) * head
        ),
        "neck_thick": _move(x=0.16 * x * neck, z=0.12 * (z + 0.12) * neck),
        "shoulders": _move(x=0.14 * x * shoulders),
        "beard": _move(
            x=0.055 * side * jaw * smooth(0.25, 0.5, across) * front,
            y=-0.05 * smooth(-0.9, -1.05, y) * front,
            z=0.05 * smooth(-0.72, -0.9, y) * front,
        ),
    }


def _features(rest: Rest) -> dict[str, np.ndarray]:
    x, y, _ = rest.vertices_V3.T
    head, front = rest.masks()
    side, across = np.sign(x), np.abs(x)
    down = y - MOUTH_Y
    mouth = np.exp(-((down / 0.16) ** 2)) * smooth(0.60, 0.25, across)
    lips = np.exp(-((down / 0.12) ** 2)) * smooth(0.42, 0.2, across) * (rest.material_V == Material.SKIN)
    eyes = bump(across, y, EYE_X, EYE_Y, 0.24, 0.17) * front
    ball = np.where(rest.material_V == Material.EYE, 1, np.clip(1.25 * eyes, 0, 1))
    nose = bump(across, y, 0, -0.18, 0.16, 0.12) * front
    brow = bump(across, y, 0.27, 0.36, 0.3, 0.09) * front
    return {
        "nose_long": _move(y=-0.05 * nose),
        "nose_wide": _move(x=0.34 * x * nose),
        "nose_high": _move(z=0.07 * bump(across, y, 0, -0.1, 0.12, 0.2) * front),
        "brow_ridge": _move(z=0.045 * brow),
        "brow_high": _move(y=0.035 * brow),
        "eyes_apart": _move(x=0.030 * side * ball),
        "eyes_large": _move(y=0.26 * (y - EYE_Y) * eyes * (rest.material_V != Material.EYE)),
        "eyes_slant": _move(y=0.22 * (across - EYE_X) * eyes * (rest.material_V != Material.EYE)),
        "mouth_wide": _move(x=0.11 * x * mouth * head),
        "mouth_high": _move(y=0.030 * np.exp(-((down / 0.26) ** 2)) * smooth(0.6, 0.2, across) * head),
        "lips_full": _move(y=0.28 * down * lips, z=0.02 * lips),
        "lips_upper": _move(y=0.25 * np.clip(down, 0, None) * lips),
    }


def _hair(rest: Rest) -> dict[str, np.ndarray]:
    """How high it stands, how far it hangs; each style is a mix of these."""
    angle, v = np.where((rest.material_V == Material.HAIR)[:, None], rest.sheet_V2, 0).T
    out = rest.hair_out_V3
    cap = np.linalg.norm(out, axis=1)
    around = np.abs(angle)
    rising = 1 - 0.75 * smooth(0.75, 1.0, v)
    top = smooth(0.9, 0.2, v)
    hang = cap * smooth(0.35, 1.0, v) * smooth(55, 66, around)
    turn = np.radians(np.sign(angle) * np.interp(around, [55, 100, 180], [40, 95, 180]))
    fall = hang[:, None] * (
        np.stack([0.92 * np.sin(turn), 0 * v - 1.15, 0.80 * np.cos(turn) - 0.02], -1) - rest.vertices_V3
    )
    brow = cap * smooth(0.55, 1.0, v) * smooth(52, 38, around)
    return {
        "hair": 0.115 * out * rising[:, None],
        "hair_volume": out * (0.13 * top + 0.05 * smooth(1.0, 0.8, v))[:, None] * cap[:, None],
        "hair_long": fall,
        "hair_fringe": _move(y=-0.26 * brow, z=0.06 * brow) + 0.06 * out * brow[:, None],
        "hair_recedes": _move(
            y=0.16 * cap * smooth(0.3, 1.0, v) * smooth(58, 30, around),
            z=-0.10 * cap * smooth(0.5, 1, v) * smooth(58, 30, around),
        ),
        "hair_parted": out * (0.07 * cap * np.tanh((angle - 25) / 20) * top)[:, None],
        "hair_bun": _move(y=0.72, z=-0.22) * rest.bun_V[:, None],
        "hair_tail": _move(y=-0.55, z=-0.78) * rest.bun_V[:, None],
    }


def expressions(rest: Rest) -> dict[str, np.ndarray]:
    """Returns how a face moves."""
    x, y, _ = rest.vertices_V3.T
    head, front = rest.masks()
    side, across = np.sign(x), np.abs(x)
    down = y - MOUTH_Y
    inside = np.isin(rest.material_V, [Material.TOOTH, Material.TONGUE])
    mouth = np.exp(-((down / 0.15) ** 2)) * smooth(0.68, 0.22, across) * ~inside
    lips = np.exp(-((down / 0.11) ** 2)) * smooth(0.52, 0.28, across) * ~inside
    centre = np.clip(1 - (across / 0.30) ** 2, 0, 1)
    upper = np.where(rest.upper_V, 1.0, -0.7)
    brow = bump(across, y, 0.27, 0.38, 0.3, 0.12) * front
    smile = bump(across, y, 0.30, MOUTH_Y, 0.15, 0.13) * front * ~inside
    cheek = bump(across, y, 0.42, -0.2, 0.18, 0.16) * front * ~inside
    return {
        "width": _move(x=0.30 * x * mouth * head, z=-0.10 * (across / 0.3) * smile),
        "protrusion": _move(x=-0.22 * x * lips * front, y=0.42 * down * lips * front, z=0.13 * lips * front),
        "part": _move(y=0.030 * upper * centre * np.exp(-((down / 0.10) ** 2)) * front * ~inside),
        "brow": _move(y=0.055 * brow),
        "smile": _move(x=0.02 * side * smile, y=0.065 * smile + 0.02 * cheek, z=-0.02 * smile + 0.02 * cheek),
        "blink": rest.blink_V3,
    }


def albedos(rest: Rest) -> dict[str, np.ndarray]:
    """Returns low-frequency differences of skin between people, to be added to the albedo."""
    x, v = np.abs(rest.sheet_V2[:, 0]), rest.sheet_V2[:, 1]
    face = (rest.material_V == Material.SKIN) & (rest.part_V == Part.HEAD)
    red, grey = np.array([0.03, -0.05, -0.045]), np.array([-0.1, -0.1, -0.08])
    folds = 0.6 * bump(x - 0.30 - 0.35 * (-0.32 - v), v, 0, -0.36, 0.04, 0.13)
    lines = 0.5 * sum(bump(x, v, 0.0, at, 0.35, 0.014) for at in (0.47, 0.54, 0.61))
    crow = 0.7 * bump(x, v, 0.48, EYE_Y - 0.02, 0.06, 0.03)
    tones = {
        "cheeks": bump(x, v, 0.42, -0.16, 0.18, 0.16)[:, None] * red,
        "nose": bump(x, v, 0, -0.17, 0.12, 0.12)[:, None] * red,
        "eyes": bump(x, v, EYE_X - 0.03, EYE_Y - 0.09, 0.16, 0.05)[:, None] * grey * 1.5,
        "shadow": (smooth(-0.28, -0.5, v) * smooth(0.75, 0.5, x))[:, None] * grey,
        "age": (folds + lines + crow)[:, None] * grey * 1.6,
        "forehead": bump(x, v, 0, 0.55, 0.4, 0.25)[:, None] * np.array([0.08, 0.08, 0.07]),
    }
    return {name: value * face[:, None] for name, value in tones.items()}
