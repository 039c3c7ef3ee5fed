"""The slopes of the light on a rendered face, from the lamp and the head that it was rendered with.

K counts points of the face; everything is in stops of the renderer's own light, without skin, hair or shine.
"""

import numpy as np

from models.mini.world_clips import Clip
from models.world import raster
from models.world.body.head import head
from models.world.body.morphable import Material
from models.world.mesh import Mesh, mesh
from models.world.render import face_triangles, project


def known_slopes(clip: Clip, frames: np.ndarray) -> np.ndarray:
    """Across, down and change, as `unevenness` would have them."""
    drawn = mesh(clip.scene, clip.mouth_F3)
    first = len(drawn.material_V) - len(head().mean_V3)
    points_K = first + np.unique(face_triangles(head()))
    points_K = points_K[drawn.material_V[points_K] == Material.SKIN]
    planes_N3 = np.array([_plane(clip, drawn, points_K, frame) for frame in frames])
    _, down, across = planes_N3.mean(0)
    return np.array([across, down, np.sqrt(planes_N3.var(0).sum())])


def _plane(clip: Clip, drawn: Mesh, points_K: np.ndarray, frame: int) -> np.ndarray:
    xy_FV2, _ = project(clip.scene, drawn.vertices_FV3[frame][None], (1, 1))
    xy_K2 = xy_FV2[0, points_K]
    xy_K2 = (xy_K2 - xy_K2.min(0)) / np.ptp(xy_K2, axis=0) - 0.5
    stops_K = np.log2(np.maximum(_white(clip, drawn, frame)[points_K], 0.02))
    terms_K3 = np.stack([np.ones(len(points_K)), xy_K2[:, 1], xy_K2[:, 0]], 1)
    return np.linalg.lstsq(terms_K3, stops_K, rcond=None)[0]


def _white(clip: Clip, drawn: Mesh, frame: int) -> np.ndarray:
    """The light on every vertex, as if all were white skin without a shine."""
    lamp, lit_V3 = clip.scene.light, np.empty_like(drawn.colours_V3)
    surface = drawn.triangles_T3, np.ones_like(lit_V3), np.zeros_like(drawn.material_V), drawn.uv_V2
    strengths = np.float32(lamp.ambient), np.float32(lamp.diffuse)
    towards_3, tint_3 = lamp.direction_F3[frame].astype(np.float32), np.ones(3, np.float32)
    raster.light(drawn.vertices_FV3[frame], *surface, *strengths, towards_3, tint_3, np.float32(0), lit_V3)
    return lit_V3[:, 0]
