"""Renders a scene and the movement of its mouth to pictures, with everything that is true of them.

Points of a picture are in pixels from its upper left corner: the middle of the first pixel is (0.5, 0.5).
Gaze is in radians: to the picture's right, and up. D: x, y, and one over the distance from the camera.
"""

from dataclasses import dataclass

import numpy as np

from models.world import raster
from models.world.body.head import head
from models.world.body.morphable import JAW_OPEN, Material, MorphableHead, Part
from models.world.camera import CameraEffects
from models.world.mesh import Mesh, mesh, pose
from models.world.scene import Scene

HIDDEN = 0.06
"""Units that a thing must be nearer than a landmark to hide it: lids and lips lie closer than this."""
BROW_Y, EAR_X = 0.42, 0.75
"""The edges of the face on the flat sheet of skin."""


@dataclass(frozen=True)
class Rendered:
    """Pictures, and what is true of them."""

    rgb_FHWC: np.ndarray
    labels_FHW: np.ndarray
    """`Part` of the pixel: the commonest. Another person behind counts as backdrop."""
    landmarks_FL2: np.ndarray
    """Zeros where nobody is in the scene."""
    visible_FL: np.ndarray
    """Inside the picture, and neither behind the head itself nor behind an occluder."""
    five_F52: np.ndarray


def render(
    scene: Scene,
    mouth_F3: np.ndarray,
    size: tuple[int, int],
    behind: Rendered | None = None,
    supersample: int = 2,
) -> Rendered:
    """Renders a scene. mouth_F3: opening 0..1, width -1..1, protrusion 0..1. `behind` stands in for the backdrop."""
    (wide, high), frames = size, len(mouth_F3)
    assert frames <= scene.frames, f"{frames} frames of mouth for {scene.frames} of scene"
    assert behind is None or behind.rgb_FHWC.shape[1:3] == (high, wide)
    drawn = mesh(scene, mouth_F3)
    xyd_FVD = _camera(scene, drawn.vertices_FV3, size)
    landmarks_FLD = _landmarks(scene, xyd_FVD)
    rgb_FHWC, labels_FHW = (np.empty((frames, high, wide, *last), np.uint8) for last in ((3,), ()))
    visible_FL = np.zeros(landmarks_FLD.shape[:2], bool)
    effects = CameraEffects(scene, size)
    for f in range(frames):
        picture_HWC = effects.backdrop(f, behind.rgb_FHWC if behind else None)
        nearness_HW = _draw(scene, drawn, xyd_FVD[f], f, supersample, picture_HWC, labels_FHW[f])
        if scene.person is not None:
            visible_FL[f] = _visible(landmarks_FLD[f], nearness_HW, supersample)
        effects.develop(picture_HWC, rgb_FHWC[f])
    landmarks_FL2 = landmarks_FLD[:, :, :2].astype(np.float32)
    return Rendered(rgb_FHWC, labels_FHW, landmarks_FL2, visible_FL, landmarks_FL2[:, head().five()])


def project(scene: Scene, vertices_FV3: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns places in the picture of points in the room, and their distances from the camera."""
    xyd_FVD = _camera(scene, vertices_FV3.astype(np.float32), size)
    return xyd_FVD[:, :, :2], 1 / xyd_FVD[:, :, 2]


def face_mask(scene: Scene, size: tuple[int, int], jaw: float = JAW_OPEN) -> np.ndarray:
    """Returns the face from brow to chin and ear to ear with the jaw at a fixed angle: it cannot know the real mouth."""
    opening_F = np.full(scene.frames, jaw / JAW_OPEN)
    still_F3 = np.stack([opening_F, 0 * opening_F, 0 * opening_F], -1)
    xyd_FVD = _camera(scene, pose(scene, still_F3), size)
    mask_FHW = np.zeros((scene.frames, size[1], size[0]), bool)
    triangles_T3 = face_triangles(head())
    for xyd_VD, mask_HW in zip(xyd_FVD, mask_FHW, strict=True):
        raster.cover(xyd_VD, triangles_T3, mask_HW)
    return mask_FHW


def face_triangles(model: MorphableHead) -> np.ndarray:
    """Returns the skin from brow to chin and ear to ear, and what fills the eyes and the open mouth."""
    x_V, v_V = model.uv_V2.T
    front_V = (model.mean_V3[:, 2] > 0) & (np.abs(x_V) < EAR_X) & (v_V < BROW_Y)
    filled_V = np.isin(model.material_V, [Material.CAVITY, Material.SCLERA])
    inside_V = ((model.material_V == Material.SKIN) & front_V) | filled_V
    head_T = np.isin(model.part_T, [Part.HEAD, Part.MOUTH])
    return model.triangles_T3[head_T & inside_V[model.triangles_T3].all(1)]


def _camera(scene: Scene, vertices_FV3: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    (wide, high), camera = size, scene.camera
    xyd_FVD = np.empty(vertices_FV3.shape, np.float32)
    xyd_FVD[..., 2] = 1 / (raster.CAMERA_Z - vertices_FV3[..., 2])
    unit_FV = np.float32(raster.CAMERA_Z * camera.scale * high) * xyd_FVD[..., 2]
    xyd_FVD[..., 0] = vertices_FV3[..., 0] * unit_FV + np.float32(camera.centre_2[0] * wide)
    xyd_FVD[..., 1] = np.float32(camera.centre_2[1] * high) - vertices_FV3[..., 1] * unit_FV
    return xyd_FVD


def _landmarks(scene: Scene, xyd_FVD: np.ndarray) -> np.ndarray:
    if scene.person is None:
        return np.zeros((len(xyd_FVD), len(head().landmark_names), 3), np.float32)
    return head().landmarks(xyd_FVD[:, -len(head().mean_V3) :])


def _draw(
    scene: Scene, drawn: Mesh, xyd_VD: np.ndarray, f: int, fine: int, picture: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Adds the people to the picture; returns how near the nearest thing is in the fine picture."""
    shape = labels.shape[0] * fine, labels.shape[1] * fine
    fine_HWC, fine_labels_HW = np.empty((*shape, 3), np.float32), np.zeros(shape, np.uint8)
    nearness_HW, lit_V3 = np.zeros(shape, np.float32), np.empty_like(drawn.colours_V3)
    lamp, looks = scene.light, scene.person.looks if scene.person else None
    tint_3, towards_3 = lamp.tint_3.astype(np.float32), lamp.direction_F3[f].astype(np.float32)
    ambient, diffuse = np.float32(lamp.ambient), np.float32(lamp.diffuse)
    shine, eye_3 = (np.float32(looks.shine), looks.eye_3) if looks else (np.float32(0), np.zeros(3))
    surface = drawn.triangles_T3, drawn.colours_V3, drawn.material_V, drawn.uv_V2
    raster.light(drawn.vertices_FV3[f], *surface, ambient, diffuse, towards_3, tint_3, shine, lit_V3)
    xyd_VD = xyd_VD * np.array([fine, fine, 1], np.float32)
    gaze_2 = np.sin(scene.gaze_F2[f]).astype(np.float32)
    what = drawn.triangles_T3, drawn.part_T, drawn.material_V, lit_V3
    raster.draw(
        xyd_VD, *what, eye_3.astype(np.float32), tint_3, gaze_2, fine_HWC, fine_labels_HW, nearness_HW
    )
    raster.shrink(fine_HWC, fine_labels_HW, fine, picture, labels)
    return nearness_HW


def _visible(landmarks_LD: np.ndarray, nearness_HW: np.ndarray, fine: int) -> np.ndarray:
    """A landmark on the outline may fall just beside it, so its neighbours are asked too."""
    high, wide = nearness_HW.shape
    x_L, y_L = np.floor(landmarks_LD[:, :2].T * fine).astype(int)
    inside_L = (x_L >= 0) & (y_L >= 0) & (x_L < wide) & (y_L < high)
    dy, dx = np.mgrid[-1:2, -1:2].reshape(2, -1, 1)
    nearest_L = nearness_HW[np.clip(y_L + dy, 0, high - 1), np.clip(x_L + dx, 0, wide - 1)].min(0)
    own_L = landmarks_LD[:, 2]
    return inside_L & (nearest_L < own_L + HIDDEN * own_L**2)
