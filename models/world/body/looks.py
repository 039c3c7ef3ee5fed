"""Colours a person: skin, lips, brows, beard, hair, eyes, clothes; one colour a vertex."""

from dataclasses import dataclass

import numpy as np

from models.world.body.morphable import Material, MorphableHead
from models.world.body.skin import (
    EYE_X,
    EYE_Y,
    MOUTH_COLUMN,
    MOUTH_HALF,
    MOUTH_Y,
    SHEET_WIDTH,
    STEP,
    bump,
    smooth,
)

SKIN_TONES = np.array(
    [
        [0.90, 0.74, 0.66],
        [0.86, 0.66, 0.54],
        [0.80, 0.58, 0.44],
        [0.64, 0.43, 0.31],
        [0.47, 0.30, 0.22],
        [0.34, 0.21, 0.16],
    ]
)
HAIR_COLOURS = np.array(
    [
        [0.07, 0.06, 0.06],
        [0.20, 0.13, 0.09],
        [0.36, 0.23, 0.14],
        [0.70, 0.54, 0.31],
        [0.52, 0.23, 0.11],
        [0.66, 0.65, 0.64],
        [0.20, 0.24, 0.42],
        [0.55, 0.20, 0.35],
    ]
)
HAIR_SHARES = np.array([0.27, 0.24, 0.17, 0.12, 0.08, 0.07, 0.025, 0.025])
EYE_COLOURS = np.array(
    [[0.27, 0.16, 0.08], [0.16, 0.10, 0.07], [0.22, 0.36, 0.52], [0.25, 0.33, 0.19], [0.33, 0.36, 0.38]]
)
CAVITY = np.array([0.13, 0.035, 0.04])
ENAMEL, GUM, TONGUE = np.array([0.95, 0.92, 0.85]), np.array([0.66, 0.30, 0.30]), np.array([0.76, 0.36, 0.36])


@dataclass(frozen=True)
class Looks:
    """The colours of one person."""

    skin_3: np.ndarray
    lip_3: np.ndarray
    hair_3: np.ndarray
    eye_3: np.ndarray
    cloth_3: np.ndarray
    trim_3: np.ndarray
    """Of collars and stripes."""
    neckline: str
    """round, deep, shirt, high or striped."""
    brow: float
    """How dense, 0..1."""
    brow_thick: float
    beard: float
    """How dense on the jaw, 0..1."""
    moustache: float
    lashes: float
    shadow_3: np.ndarray
    """Of the lids."""
    shine: float
    albedo_C: np.ndarray


def make_looks(rng: np.random.Generator, may_paint: bool, albedos: int) -> Looks:
    """Draws the looks of a person."""
    tone = rng.uniform(0, len(SKIN_TONES) - 1)
    low = int(tone)
    skin = SKIN_TONES[low] + (tone - low) * (SKIN_TONES[min(low + 1, len(SKIN_TONES) - 1)] - SKIN_TONES[low])
    skin = skin * (1 + rng.normal(0, [0.015, 0.015, 0.03]))
    colour = HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=HAIR_SHARES)] * rng.uniform(0.8, 1.2)
    painted = may_paint and rng.random() < 0.6
    natural = skin * np.array([0.93, 0.62, 0.62]) * rng.uniform(0.82, 1.0)
    lipstick = np.array([0.66, 0.12, 0.18]) * rng.uniform(0.7, 1.15)
    bearded = not painted and rng.random() < 0.45
    beard = rng.uniform(0.25, 0.95) if bearded else 0.0
    cloth = rng.uniform(0.08, 0.85, 3)
    cloth = cloth.mean() + rng.uniform(0.2, 1.0) * (cloth - cloth.mean())
    return Looks(
        skin_3=skin,
        lip_3=lipstick if painted else natural,
        hair_3=colour,
        eye_3=EYE_COLOURS[rng.integers(len(EYE_COLOURS))] * rng.uniform(0.8, 1.2),
        cloth_3=cloth,
        trim_3=rng.uniform(0.1, 0.95, 3),
        neckline=str(rng.choice(["round", "deep", "shirt", "high", "striped"])),
        brow=rng.uniform(0.55, 0.95),
        brow_thick=rng.uniform(0.7, 1.0) if painted else rng.uniform(0.8, 1.4),
        beard=beard,
        moustache=beard if rng.random() < 0.8 else 0.0,
        lashes=rng.uniform(0.7, 0.95) if painted else rng.uniform(0.3, 0.7),
        shadow_3=rng.uniform(0.45, 0.9, 3) if painted else np.ones(3),
        shine=rng.uniform(0.06, 0.16),
        albedo_C=np.abs(rng.normal(0, 1, albedos)) * 0.9,
    )


def paint(head: MorphableHead, looks: Looks) -> np.ndarray:
    """Returns the colours of all vertices, without light; an eye's are left to `raster`."""
    albedo_V3 = np.clip(head.albedo_V3 + np.tensordot(looks.albedo_C, head.albedo_CV3, 1), 0.2, 1.3)
    shade_V1 = head.albedo_V3[:, :1]
    material, u, v = head.material_V, *head.uv_V2.astype(float).T
    colours_V3 = looks.skin_3 * albedo_V3
    face = material == Material.SKIN
    colours_V3[face] = _face(colours_V3[face], np.stack([u, v], -1)[face], shade_V1[face], looks)
    hair, cloth, tooth = (material == m for m in (Material.HAIR, Material.CLOTH, Material.TOOTH))
    colours_V3[hair] = looks.hair_3 * _strands(u[hair], v[hair])[:, None]
    colours_V3[cloth] = _cloth(u[cloth], v[cloth], looks) * shade_V1[cloth]
    gum = smooth(0.25, 0.0, v[tooth])[:, None]
    colours_V3[tooth] = (ENAMEL * (1 - gum) + GUM * gum) * shade_V1[tooth]
    colours_V3[material == Material.TONGUE] = TONGUE * shade_V1[material == Material.TONGUE]
    colours_V3[material == Material.CAVITY] = CAVITY
    return colours_V3.astype(np.float32)


def _mix(colours_V3: np.ndarray, other: np.ndarray, share_V: np.ndarray) -> np.ndarray:
    share_V1 = np.clip(share_V, 0, 1)[:, None]
    return colours_V3 * (1 - share_V1) + other * share_V1


def _face(colours: np.ndarray, sheet_V2: np.ndarray, shade: np.ndarray, looks: Looks) -> np.ndarray:
    (x, v), across = sheet_V2.T, np.abs(sheet_V2[:, 0])
    mouth_half = SHEET_WIDTH * STEP * MOUTH_COLUMN
    lip = (np.abs(v - MOUTH_Y) < 0.095) & (across < mouth_half * 0.99)
    colours = _mix(colours, colours * looks.shadow_3, 0.7 * bump(across, v, EYE_X, EYE_Y + 0.07, 0.15, 0.06))
    colours = _mix(colours, looks.hair_3 * shade, _beard(x, v, looks) * ~lip)
    colours = _mix(colours, looks.hair_3 * 0.8, looks.brow * _brow(across, v, looks.brow_thick))
    edge = smooth(0.10, 0.07, np.abs(v - MOUTH_Y)) * (across < mouth_half * 0.99)
    colours = _mix(colours, looks.lip_3 * (0.35 + 0.65 * shade), edge)
    lash = (np.abs(v - EYE_Y) < 1e-6) * smooth(0.15, 0.13, np.abs(across - EYE_X))
    return _mix(colours, np.array([0.06, 0.04, 0.04]), looks.lashes * lash)


def _brow(across: np.ndarray, v: np.ndarray, thick: float) -> np.ndarray:
    line = 0.345 - 0.55 * (across - 0.30) ** 2 + 0.03 * (across - 0.30)
    along = smooth(0.09, 0.15, across) * smooth(0.52, 0.42, across)
    return along * np.exp(-((((v - line) / (0.030 * thick * (1.1 - 0.8 * (across - 0.1)))) ** 2) ** 1))


def _beard(x: np.ndarray, v: np.ndarray, looks: Looks) -> np.ndarray:
    across = np.abs(x)
    cheek = -0.62 + 0.55 * smooth(0.3, 0.75, across)
    jaw = smooth(0.06, -0.06, v - cheek) * smooth(1.15, 0.95, across)
    soul = 1 - 0.5 * bump(x, v, 0.13, -0.65, 0.06, 0.05) - 0.5 * bump(x, v, -0.13, -0.65, 0.06, 0.05)
    moustache = bump(across, v, 0.12, -0.375, 0.19, 0.045)
    drop = bump(across, v, MOUTH_HALF + 0.05, -0.52, 0.06, 0.14)
    return np.maximum(looks.beard * jaw * soul, looks.moustache * np.maximum(moustache, drop))


def _strands(angle: np.ndarray, v: np.ndarray) -> np.ndarray:
    streaks = np.sin(angle * 0.37 + 3 * v) + np.sin(angle * 1.13 + 1.0) + np.sin(angle * 0.71 - 5 * v)
    return (1 + 0.07 * streaks) * (1 - 0.25 * smooth(0.6, 1.0, v))


def _cloth(u: np.ndarray, v: np.ndarray, looks: Looks) -> np.ndarray:
    """v below 0 is the collar."""
    colours = np.tile(looks.cloth_3, (len(u), 1))
    collar = v < 0
    if looks.neckline == "striped":
        colours = _mix(colours, looks.trim_3, (np.floor(v * 16) % 2 == 1) & ~collar)
    if looks.neckline == "deep":
        colours = _mix(colours, looks.skin_3 * 0.9, smooth(0.05, 0.0, np.abs(u) - 0.42 + 1.1 * v) * ~collar)
    if looks.neckline == "shirt":
        colours = _mix(colours, looks.trim_3, smooth(0.14, 0.08, np.abs(u)) * ~collar)
    return _mix(colours, np.clip(looks.cloth_3 * 1.15, 0, 1), collar)
