"""Builds our morphable head from the sheet of skin, the other pieces, and the bases."""

import numpy as np

from models.world.body.bases import Rest, albedos, expressions, identities
from models.world.body.landmarks import landmarks
from models.world.body.morphable import Joint, Material, MorphableHead, Part
from models.world.body.pieces import Piece, between, body, bun, collar, ear, eye, hair, neck, teeth, tongue
from models.world.body.skin import EYE_X, EYE_Y, MOUTH_Y, Skin, bump, skin, smooth

JAW_PIVOT = np.array([0, 0.02, -0.10], np.float32)
NECK_PIVOT = np.array([0, -0.60, -0.10], np.float32)
MOUTH_CORNER = 0.38
"""How far the corners of the mouth follow the jaw."""


def build() -> MorphableHead:
    """Builds the head."""
    face = skin()
    cap, hair_out_V3 = hair()
    pieces = _pieces(face) | {"hair": cap}
    rest = _rest(pieces, face, hair_out_V3)
    twins_V = _twins(pieces)
    shapes, moves, tones = identities(rest), expressions(rest), albedos(rest)
    names_L, corners_L3, weights_L3 = landmarks(face, _first(pieces)["left_eye"], _first(pieces)["right_eye"])
    shade_V = _each(pieces, "shade_V")[twins_V]
    return MorphableHead(
        mean_V3=rest.vertices_V3.astype(np.float32),
        identity_KV3=np.stack([move[twins_V] for move in shapes.values()]).astype(np.float32),
        expression_EV3=np.stack([move[twins_V] for move in moves.values()]).astype(np.float32),
        neck=Joint(NECK_PIVOT, -1, _each(pieces, "neck").astype(np.float32)),
        jaw=Joint(JAW_PIVOT, 0, _each(pieces, "jaw")[twins_V].astype(np.float32)),
        triangles_T3=_triangles(pieces),
        part_T=np.repeat(
            [p.part for p in pieces.values()], [len(p.triangles_T3) for p in pieces.values()]
        ).astype(np.uint8),
        material_V=rest.material_V.astype(np.uint8),
        uv_V2=rest.sheet_V2.astype(np.float32),
        albedo_V3=np.repeat(shade_V[:, None], 3, 1).astype(np.float32),
        albedo_CV3=np.stack(list(tones.values())).astype(np.float32),
        identity_names=tuple(shapes),
        expression_names=tuple(moves),
        albedo_names=tuple(tones),
        landmark_names=names_L,
        landmark_L3=corners_L3,
        landmark_weights_L3=weights_L3,
    )


def _pieces(face: Skin) -> dict[str, Piece]:
    """The skin comes first: twins and landmarks count on it."""
    sheet = Piece(
        face.vertices_V3,
        face.triangles_T3,
        face.sheet_V2,
        Part.HEAD,
        Material.SKIN,
        jaw=_follows_jaw(face),
        shade_V=_shade(face),
    )
    left_lids, right_lids = (between(face, lids, Part.HEAD, Material.SCLERA) for lids in face.lids_22M)
    eyes = {"left_eye": eye(-1), "right_eye": eye(1), "left_lids": left_lids, "right_lids": right_lids}
    around = {"left_ear": ear(-1), "right_ear": ear(1), "bun": bun()}
    below = {"neck": neck(), "body": body(), "collar": collar()}
    mouth = {"cavity": between(face, face.lips_2M, Part.MOUTH, Material.CAVITY)}
    mouth |= {"upper_teeth": teeth(True), "lower_teeth": teeth(False), "tongue": tongue()}
    return {"skin": sheet} | eyes | around | below | mouth


def _first(pieces: dict[str, Piece]) -> dict[str, int]:
    starts = np.cumsum([0] + [len(p.vertices_V3) for p in pieces.values()])
    return dict(zip(pieces, starts.tolist(), strict=False))


def _each(pieces: dict[str, Piece], field: str) -> np.ndarray:
    values = [(getattr(p, field), len(p.vertices_V3)) for p in pieces.values()]
    return np.concatenate([np.broadcast_to(value, count) for value, count in values]).astype(float)


def _triangles(pieces: dict[str, Piece]) -> np.ndarray:
    first = _first(pieces)
    return np.concatenate([p.triangles_T3 + first[name] for name, p in pieces.items()]).astype(np.int32)


def _twins(pieces: dict[str, Piece]) -> np.ndarray:
    own = [
        np.arange(len(p.vertices_V3)) + start
        for p, start in zip(pieces.values(), _first(pieces).values(), strict=True)
    ]
    return np.concatenate(
        [o if p.twins_V is None else p.twins_V for p, o in zip(pieces.values(), own, strict=True)]
    )


def _rest(pieces: dict[str, Piece], face: Skin, hair_out_V3: np.ndarray) -> Rest:
    first, total = _first(pieces), sum(len(p.vertices_V3) for p in pieces.values())

    def on(name: str, values: np.ndarray) -> np.ndarray:
        whole = np.zeros((total, *values.shape[1:]), values.dtype)
        whole[first[name] : first[name] + len(pieces[name].vertices_V3)] = values
        return whole

    return Rest(
        vertices_V3=np.concatenate([p.vertices_V3 for p in pieces.values()]),
        sheet_V2=np.concatenate([p.uv_V2 for p in pieces.values()]),
        material_V=_each(pieces, "material").astype(int),
        part_V=_each(pieces, "part").astype(int),
        upper_V=on("skin", face.upper_V),
        blink_V3=on("skin", face.blink_V3),
        hair_out_V3=on("hair", hair_out_V3),
        bun_V=on("bun", np.ones(1)),
        collar_V=on("collar", np.ones(1)),
    )


def _follows_jaw(face: Skin) -> np.ndarray:
    """The lower lip opens as an ellipse; its corners follow less, the cheeks less and less."""
    v, k = face.sheet_V2[:, 1], np.abs(face.column_V)
    side = smooth(3.3, 1.9, k * (1 + 0.25 * smooth(-0.95, -0.6, v)))
    corner = MOUTH_CORNER * smooth(2.4, 1.0, k)
    at_seam = corner + (1 - corner) * np.sqrt(np.clip(1 - k**2, 0, 1))
    lower = (at_seam + (1 - at_seam) * smooth(MOUTH_Y, -0.80, v)) * side
    upper = corner * np.clip(k, 0, 1) ** 2 * np.exp(-(((v - MOUTH_Y) / 0.16) ** 2)) * side
    follows = np.where(face.upper_V, upper, lower)
    follows[face.grid_RC[-3:]] *= np.array([0.85, 0.6, 0.35])[:, None]
    return follows


def _shade(face: Skin) -> np.ndarray:
    """Where little of the sky is seen: nostrils, beside the nose, the lip's fold, sockets, under the chin."""
    x, v = np.abs(face.sheet_V2[:, 0]), face.sheet_V2[:, 1]
    dark = 0.26 * bump(x, v, EYE_X - 0.08, EYE_Y + 0.04, 0.15, 0.10)
    dark += 0.42 * bump(x, v, 0.055, -0.285, 0.028, 0.018) + 0.14 * bump(x, v, 0.155, -0.21, 0.03, 0.07)
    dark += 0.10 * bump(x, v, 0, -0.32, 0.13, 0.04) + 0.20 * bump(x, v, 0, -0.665, 0.19, 0.035)
    dark += 0.12 * bump(x, v, 0.31, MOUTH_Y, 0.035, 0.025)
    shade = (1 - dark) * (1 - 0.22 * bump(x, v, EYE_X, EYE_Y + 0.075, 0.13, 0.018))
    shade[face.grid_RC[-4:]] *= np.array([0.80, 0.62, 0.48, 0.42])[:, None]
    shade[face.lips_2M] *= 0.55
    return shade
