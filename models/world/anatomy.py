"""Builds our morphable head from the sheet of skin, the other pieces, and the bases."""

import numpy as np

from models.world.bases import Rest, expressions, identities
from models.world.head import Joint, Material, MorphableHead, Part
from models.world.landmarks import landmarks
from models.world.pieces import Piece, body, bun, collar, ear, eye, hair, neck, teeth, tongue
from models.world.skin import EYE_X, EYE_Y, MOUTH_COLUMN, MOUTH_Y, Skin, bump, grid_triangles, skin, smooth

JAW_PIVOT = np.array([0, 0.02, -0.10], np.float32)
NECK_PIVOT = np.array([0, -0.60, -0.10], np.float32)
MOUTH_CORNER = 0.38
"""How far the corners of the mouth follow the jaw."""


def build() -> MorphableHead:
    face, (cap, hair_out, _) = skin(), hair()
    skin_piece = Piece(face.vertices_V3, face.triangles_T3, face.sheet_V2, Part.HEAD, Material.SKIN)
    cavity = _cavity(face)
    pieces = [skin_piece, cavity, *map(eye, (-1, 1)), *map(ear, (-1, 1)), cap, bun()]
    pieces += [neck(), body(), collar(), teeth(True), teeth(False), tongue()]
    first = np.cumsum([0] + [len(p.vertices_V3) for p in pieces])
    total = first[-1]

    def spread(of_piece: dict[int, np.ndarray], *shape: int) -> np.ndarray:
        whole = np.zeros((total, *shape))
        for index, value in of_piece.items():
            whole[first[index] : first[index + 1]] = value
        return whole

    def each(values: list) -> np.ndarray:
        return np.concatenate([np.broadcast_to(v, len(p.vertices_V3)) for v, p in zip(values, pieces, strict=True)])

    rest = Rest(
        vertices_V3=np.concatenate([p.vertices_V3 for p in pieces]),
        sheet_V2=np.concatenate([p.uv_V2 for p in pieces]),
        material_V=each([p.material for p in pieces]),
        part_V=each([p.part for p in pieces]),
        upper_V=spread({0: face.upper_V}).astype(bool),
        blink_V3=spread({0: face.blink_V3}, 3),
        hair_out_V3=spread({6: hair_out}, 3),
        bun_V=spread({7: np.ones(1)}),
        collar_V=spread({10: np.ones(1)}),
    )
    seam = slice(first[1], first[2]), face.lips_2M.ravel()
    jaw_V, shade_V = each([p.jaw for p in pieces]), each([p.shade_V for p in pieces])
    jaw_V[: first[1]] = _follows_jaw(face)
    jaw_V[seam[0]] = jaw_V[seam[1]]
    shade_V[: first[1]] = _shade(face)
    triangles = [p.triangles_T3 + start for p, start in zip(pieces, first[:-1], strict=True)]
    names_L, corners_L3, weights_L3 = landmarks(face, first)
    shapes, moves, albedos = identities(rest), expressions(rest), _albedos(rest)
    for displacement in (*shapes.values(), *moves.values()):
        displacement[seam[0]] = displacement[seam[1]]
    return MorphableHead(
        mean_V3=rest.vertices_V3.astype(np.float32),
        identity_KV3=np.stack(list(shapes.values())).astype(np.float32),
        expression_EV3=np.stack(list(moves.values())).astype(np.float32),
        neck=Joint(NECK_PIVOT, -1, each([p.neck for p in pieces]).astype(np.float32)),
        jaw=Joint(JAW_PIVOT, 0, jaw_V.astype(np.float32)),
        triangles_T3=np.concatenate(triangles).astype(np.int32),
        part_T=np.repeat([p.part for p in pieces], [len(t) for t in triangles]).astype(np.uint8),
        material_V=rest.material_V.astype(np.uint8),
        uv_V2=rest.sheet_V2.astype(np.float32),
        albedo_V3=np.repeat(shade_V[:, None], 3, 1).astype(np.float32),
        albedo_CV3=np.stack(list(albedos.values())).astype(np.float32),
        identity_names=tuple(shapes),
        expression_names=tuple(moves),
        albedo_names=tuple(albedos),
        landmark_names=names_L,
        landmark_L3=corners_L3,
        landmark_weights_L3=weights_L3,
    )


def _cavity(face: Skin) -> Piece:
    """The opening between the lips, as a surface: nothing of the mouth's inside is drawn beside it."""
    points = face.vertices_V3[face.lips_2M.ravel()]
    count = face.lips_2M.shape[1]
    u = np.tile(np.linspace(-1, 1, count), 2)
    v = np.repeat([0.0, 1.0], count)
    triangles = grid_triangles(np.arange(2 * count).reshape(2, count))
    return Piece(points, triangles, np.stack([u, v], -1), Part.MOUTH, Material.CAVITY)


def _follows_jaw(face: Skin) -> np.ndarray:
    """The lower lip opens as an ellipse; its corners follow less, the cheeks less and less."""
    v, k = face.sheet_V2[:, 1], np.abs(face.column_V)
    side = smooth(3.3, 1.9, k * (1 + 0.25 * smooth(-0.95, -0.6, v)))
    corner = MOUTH_CORNER * smooth(2.4, 1.0, k)
    within = np.sqrt(np.clip(1 - k**2, 0, 1))
    at_seam = corner + (1 - corner) * within
    below = smooth(MOUTH_Y, -0.80, v)
    lower = (at_seam + (1 - at_seam) * below) * side
    upper = corner * np.clip(k, 0, 1) ** 2 * np.exp(-(((v - MOUTH_Y) / 0.16) ** 2)) * side
    follows = np.where(face.upper_V, upper, lower)
    under = face.row_heights_R.min() + 0.04 > v
    follows[face.grid_RC[-3:]] *= np.array([0.85, 0.6, 0.35])[:, None]
    assert under.any()
    return follows


def _shade(face: Skin) -> np.ndarray:
    """Where little of the sky is seen: beside the nose and under it, the lip's fold, sockets, under the chin."""
    x, v = np.abs(face.sheet_V2[:, 0]), face.sheet_V2[:, 1]
    dark = 0.26 * bump(x, v, EYE_X - 0.08, EYE_Y + 0.04, 0.15, 0.10) + 0.42 * bump(x, v, 0.055, -0.285, 0.028, 0.018)
    dark += 0.10 * bump(x, v, 0, -0.32, 0.13, 0.04) + 0.14 * bump(x, v, 0.155, -0.21, 0.03, 0.07)
    dark += 0.20 * bump(x, v, 0, -0.665, 0.19, 0.035) + 0.16 * bump(x, v, 0.31, MOUTH_Y, 0.035, 0.025)
    lid = bump(x, v, EYE_X, EYE_Y + 0.075, 0.13, 0.018)
    shade = (1 - dark) * (1 - 0.22 * lid)
    shade[face.grid_RC[-4:]] *= np.array([0.80, 0.62, 0.48, 0.42])[:, None]
    shade[face.lips_2M] *= 0.55
    return shade


def _albedos(rest: Rest) -> dict[str, np.ndarray]:
    """Low-frequency differences of skin between people, to be added to the albedo."""
    x, v = np.abs(rest.sheet_V2[:, 0]), rest.sheet_V2[:, 1]
    face = (rest.material_V == Material.SKIN) & (rest.part_V == Part.HEAD)
    red, grey = np.array([0.03, -0.05, -0.045]), np.array([-0.1, -0.1, -0.08])
    folds = 0.6 * bump(x - 0.30 - 0.35 * (-0.32 - v), v, 0, -0.36, 0.04, 0.13)
    lines = 0.5 * sum(bump(x, v, 0.0, at, 0.35, 0.014) for at in (0.47, 0.54, 0.61))
    crow = bump(x, v, 0.48, EYE_Y - 0.02, 0.06, 0.03)
    masks = {
        "cheeks": bump(x, v, 0.42, -0.16, 0.18, 0.16)[:, None] * red,
        "nose": bump(x, v, 0, -0.17, 0.12, 0.12)[:, None] * red,
        "eyes": bump(x, v, EYE_X - 0.03, EYE_Y - 0.09, 0.16, 0.05)[:, None] * grey * 2,
        "shadow": (smooth(-0.28, -0.5, v) * smooth(0.75, 0.5, x))[:, None] * grey,
        "age": (folds + lines + 0.7 * crow)[:, None] * grey * 1.6,
        "forehead": bump(x, v, 0, 0.55, 0.4, 0.25)[:, None] * np.array([0.08, 0.08, 0.07]),
    }
    return {name: value * face[:, None] for name, value in masks.items()}
