"""Reads FLAME (Li et al. 2017) from a file that the user supplies, as its licence has to be signed by them.

The original is a pickle, and unpickling runs whatever code is inside: it is refused. `CONVERT` makes an .npz
of it, where you trust the file, with the regions of FLAME_masks.pkl. V vertices, J joints, F frames; units are metres,
x right, y up, z to the camera.
"""

from collections import Counter, defaultdict
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from models.weights.references import ModelError, resolve

CONVERT = (
    "import pickle, numpy as np; f, m = (pickle.load(open(n, 'rb'), encoding='latin1') for n in "
    "('generic_model.pkl', 'FLAME_masks.pkl')); np.savez_compressed('flame.npz', "
    "J_regressor=f['J_regressor'].toarray(), face=m['face'], lips=m['lips'], "
    "**{k: np.array(f[k]) for k in ('v_template', 'shapedirs', 'posedirs', 'weights', 'f')})"
)
_REFUSAL = (
    "{path} is not FLAME as redub reads it: {error}. Where you trust generic_model.pkl and FLAME_masks.pkl, and have "
    'numpy, scipy and chumpy, `python -c "{convert}"` makes flame.npz of them; or take the back-end mediapipe'
)
ROOT, JAW = 0, 2
SHAPES, EXPRESSIONS, JOINTS = 300, 100, 5


class Flame:
    """The model: its mean, its bases, and its regions."""

    def __init__(self, reference: str):
        path = resolve(reference)
        try:
            self._read(path)
        except (OSError, KeyError, ValueError, EOFError) as error:
            raise ModelError(_REFUSAL.format(path=path, error=error, convert=CONVERT)) from error

    def _read(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it is no .npz")
            self.mean_V3 = stored["v_template"].astype(np.float32)
            self.shape_V3S = stored["shapedirs"].astype(np.float32)
            self.pose_V3P = stored["posedirs"].astype(np.float32)
            self.follows_VJ = stored["weights"].astype(np.float32)
            self.joints_JV = stored["J_regressor"].astype(np.float32)
            self.triangles_T3 = stored["f"].astype(np.int32)
            self.regions = {name: stored[name].astype(int) for name in ("face", "lips")}
        count = len(self.mean_V3)
        shapes = (self.shape_V3S.shape, self.pose_V3P.shape, self.follows_VJ.shape, self.joints_JV.shape)
        wanted = (
            (count, 3, SHAPES + EXPRESSIONS),
            (count, 3, 9 * (JOINTS - 1)),
            (count, JOINTS),
            (JOINTS, count),
        )
        if shapes != wanted:
            raise ValueError(f"its bases are {shapes}, not {wanted}")

    def posed(self, shape_S: np.ndarray, expression_FE: np.ndarray, jaw_F3: np.ndarray) -> np.ndarray:
        """Returns vertices with the jaw turned (axis times angle), the head upright, FV3; the other joints stay at rest."""
        own_V3 = self.mean_V3 + self.shape_V3S[..., : len(shape_S)] @ shape_S
        moves_V3E = self.shape_V3S[..., SHAPES : SHAPES + expression_FE.shape[1]]
        pivot_3 = (self.joints_JV @ own_V3)[JAW]
        turn_F33 = turned(jaw_F3)
        first = 9 * (JAW - 1)
        folds_V39 = self.pose_V3P[..., first : first + 9]
        posed_FV3 = own_V3 + np.einsum("vce,fe->fvc", moves_V3E, expression_FE)
        posed_FV3 += np.einsum("vck,fk->fvc", folds_V39, (turn_F33 - np.eye(3)).reshape(-1, 9))
        swung_FV3 = np.einsum("fij,fvj->fvi", turn_F33, posed_FV3 - pivot_3) + pivot_3
        return posed_FV3 + self.follows_VJ[:, JAW, None] * (swung_FV3 - posed_FV3)

    def about_root(self, shape_S: np.ndarray) -> np.ndarray:
        """Returns the point about which the whole head turns."""
        own_V3 = self.mean_V3 + self.shape_V3S[..., : len(shape_S)] @ shape_S
        return (self.joints_JV @ own_V3)[ROOT]

    @cached_property
    def face_T3(self) -> np.ndarray:
        """The triangles of the face."""
        return without_holes(self._within("face"))

    @cached_property
    def lips_T3(self) -> np.ndarray:
        """The triangles of the lips."""
        return without_holes(self._within("lips"))

    def _within(self, region: str) -> np.ndarray:
        return self.triangles_T3[np.isin(self.triangles_T3, self.regions[region]).all(1)]


def turned(axis_F3: np.ndarray) -> np.ndarray:
    """Returns rotation matrices of axes times angles (Rodrigues)."""
    angle_F = np.linalg.norm(axis_F3, axis=1)
    x, y, z = (axis_F3 / np.maximum(angle_F, 1e-12)[:, None]).T
    none = np.zeros_like(x)
    cross_F33 = np.stack([none, -z, y, z, none, -x, -y, x, none], -1).reshape(-1, 3, 3)
    sin_F11, cos_F11 = np.sin(angle_F)[:, None, None], np.cos(angle_F)[:, None, None]
    return np.eye(3) + sin_F11 * cross_F33 + (1 - cos_F11) * cross_F33 @ cross_F33


def without_holes(triangles_T3: np.ndarray) -> np.ndarray:
    """Closes every rim but the longest by a fan: eyes, nostrils and the open mouth are face, too."""
    inner = sorted(rims(triangles_T3), key=len)[:-1]
    fans = [(ring[0], a, b) for ring in inner for a, b in pairwise(ring[1:])]
    return np.concatenate([triangles_T3, np.array(fans, np.int32).reshape(-1, 3)])


def rims(triangles_T3: np.ndarray) -> list[list[int]]:
    """Returns the closed ways along edges that belong to one triangle only."""
    edges = np.sort(triangles_T3[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    beside: dict[int, list[int]] = defaultdict(list)
    for (a, b), times in Counter(map(tuple, edges.tolist())).items():
        if times == 1:
            beside[a].append(b)
            beside[b].append(a)
    found = []
    while beside:
        ring = [next(iter(beside))]
        while onwards := beside.pop(ring[-1], None):
            following = [vertex for vertex in onwards if vertex in beside]
            ring += following[:1]
        found.append(ring)
    return found
