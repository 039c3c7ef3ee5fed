"""From a scene and the movement of its mouth to pictures, with everything that is true of them.

Points of a picture are in pixels from its upper left corner: the middle of the first pixel is (0.5, 0.5).
Gaze is in radians: to the picture's right, and up.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from models.world import raster
from models.world.head import JAW_OPEN, Material, MorphableHead, Part, head, rotations
from models.world.looks import paint
from models.world.scene import Scene

HIDDEN = 0.06
"""Units that a thing must be nearer than a landmark to hide it: lids and lips lie closer than this."""
GAMMA_STEPS = 4096


@dataclass(frozen=True)
class Rendered:
    rgb_FHWC: np.ndarray
    labels_FHW: np.ndarray
    """`Part` of the pixel: the commonest. Another person behind counts as backdrop."""
    landmarks_FL2: np.ndarray
    visible_FL: np.ndarray
    """Inside the picture, and neither behind the head itself nor behind an occluder."""
    five_F52: np.ndarray


@dataclass(frozen=True)
class _Mesh:
    """All that is drawn of a scene: the person and the occluder as one. D: x, y, 1 / distance."""

    vertices_FV3: np.ndarray
    triangles_T3: np.ndarray
    part_T: np.ndarray
    material_V: np.ndarray
    uv_V2: np.ndarray
    colours_V3: np.ndarray


def render(
    scene: Scene,
    mouth_F3: np.ndarray,
    size: tuple[int, int],
    behind: Rendered | None = None,
    supersample: int = 2,
) -> Rendered:
    """mouth_F3: opening 0..1, width -1..1, protrusion 0..1. `behind` stands in for the backdrop."""
    wide, high = size
    frames = len(mouth_F3)
    assert frames <= scene.frames
    mesh = _mesh(scene, mouth_F3)
    xyd_FVD = _camera(scene, mesh.vertices_FV3, size)
    landmarks_FL2 = _landmarks(xyd_FVD) if scene.person else np.zeros((frames, len(head().landmark_names), 3))
    rgb_FHWC, labels_FHW = (
        np.empty((frames, high, wide, 3), np.uint8),
        np.empty((frames, high, wide), np.uint8),
    )
    visible_FL = np.zeros(landmarks_FL2.shape[:2], bool)
    darkroom = _Darkroom(scene, size)
    for f in range(frames):
        picture_HWC = darkroom.backdrop(f, behind)
        nearness_HW = _draw(scene, mesh, xyd_FVD[f], f, supersample, picture_HWC, labels_FHW[f])
        visible_FL[f] = _visible(landmarks_FL2[f], nearness_HW, supersample) & (scene.person is not None)
        darkroom.develop(f, picture_HWC, rgb_FHWC[f])
    landmarks_FL2 = landmarks_FL2[:, :, :2].astype(np.float32)
    return Rendered(rgb_FHWC, labels_FHW, landmarks_FL2, visible_FL, landmarks_FL2[:, head().five()])


def project(scene: Scene, vertices_FV3: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Places in the picture, and distances from the camera."""
    xyd_FVD = _camera(scene, vertices_FV3.astype(np.float32), size)
    return xyd_FVD[:, :, :2], 1 / xyd_FVD[:, :, 2]


def face_mask(scene: Scene, size: tuple[int, int], jaw: float = JAW_OPEN) -> np.ndarray:
    """Brow to chin and ear to ear with the jaw at a fixed angle: tells nothing of the real mouth."""
    assert scene.person is not None
    opening = np.full(scene.frames, jaw / JAW_OPEN)
    still_F3 = np.stack([opening, 0 * opening, 0 * opening], -1)
    xyd_FVD = _camera(scene, _person(scene, still_F3), size)
    mask_FHW = np.zeros((scene.frames, size[1], size[0]), bool)
    triangles_T3 = _face_triangles(head())
    for xyd_VD, mask_HW in zip(xyd_FVD, mask_FHW, strict=True):
        raster.cover(xyd_VD, triangles_T3, mask_HW)
    return mask_FHW


def _face_triangles(model: MorphableHead) -> np.ndarray:
    x_V, v_V = model.uv_V2.T
    skin_V = (model.material_V == Material.SKIN) & (model.mean_V3[:, 2] > 0) & (np.abs(x_V) < 0.75)
    inside_V = (skin_V & (v_V < 0.42)) | np.isin(model.material_V, [Material.CAVITY, Material.EYE])
    head_T = np.isin(model.part_T, [Part.HEAD, Part.MOUTH])
    return model.triangles_T3[head_T & inside_V[model.triangles_T3].all(1)]


def _person(scene: Scene, mouth_F3: np.ndarray) -> np.ndarray:
    """Vertices in the room."""
    assert scene.person is not None
    frames = len(mouth_F3)
    opening_F, width_F, protrusion_F = mouth_F3.T
    moves = {
        "width": width_F,
        "protrusion": protrusion_F,
        "part": np.clip(opening_F / 0.3, 0, 1),
        "brow": scene.brow_F[:frames],
        "smile": scene.smile_F[:frames],
        "blink": scene.blink_F[:frames],
    }
    expression_FE = np.stack([moves[name] for name in head().expression_names], -1)
    jaw_F = JAW_OPEN * opening_F
    vertices_FV3 = head().pose(scene.person.shape_K, expression_FE, jaw_F, scene.pose_F3[:frames])
    vertices_FV3[:, :, :2] += scene.shift_F2[:frames, None]
    return vertices_FV3


def _occluder(scene: Scene, frames: int) -> np.ndarray:
    assert scene.occluder is not None
    vertices_FV3 = scene.occluder.vertices_FV3[:frames].astype(np.float32)
    if scene.occluder.worn:
        pivot_3, turn_F33 = head().neck.pivot_3, rotations(scene.pose_F3[:frames])
        vertices_FV3 = np.matmul(vertices_FV3 - pivot_3, turn_F33.transpose(0, 2, 1)) + pivot_3
        vertices_FV3[:, :, :2] += scene.shift_F2[:frames, None]
    return vertices_FV3


def _mesh(scene: Scene, mouth_F3: np.ndarray) -> _Mesh:
    """Occluders come first: the stencil of the mouth must know what stands before it."""
    model, frames, parts = head(), len(mouth_F3), []
    if scene.occluder is not None:
        vertices_FV3, colours_V3 = _occluder(scene, frames), scene.occluder.colours_V3
        triangles_T3 = scene.occluder.triangles_T3.astype(np.int32)
        cloth_V = np.full(len(colours_V3), Material.CLOTH, np.uint8)
        part_T = np.full(len(triangles_T3), Part.OCCLUDER, np.uint8)
        parts.append((vertices_FV3, triangles_T3, part_T, cloth_V, np.zeros((len(cloth_V), 2)), colours_V3))
    if scene.person is not None:
        colours_V3 = paint(model, scene.person.looks, scene.person.shape_K)
        order_T = np.argsort(
            np.isin(model.part_T, [Part.MOUTH, Part.TEETH, Part.TONGUE]) * model.part_T, kind="stable"
        )
        person = (_person(scene, mouth_F3), model.triangles_T3[order_T], model.part_T[order_T])
        parts.append((*person, model.material_V, model.uv_V2, colours_V3))
    if not parts:
        none = np.zeros((0, 3))
        parts.append((np.zeros((frames, 0, 3)), none, np.zeros(0), np.zeros(0), np.zeros((0, 2)), none))
    starts = np.cumsum([0] + [part[0].shape[1] for part in parts])
    vertices, triangles, part, material, uv, colours = zip(*parts, strict=True)
    return _Mesh(
        np.concatenate(vertices, 1).astype(np.float32),
        np.concatenate([t + start for t, start in zip(triangles, starts, strict=False)]).astype(np.int32),
        np.concatenate(part).astype(np.uint8),
        np.concatenate(material).astype(np.uint8),
        np.concatenate(uv).astype(np.float32),
        np.concatenate(colours).astype(np.float32),
    )


def _camera(scene: Scene, vertices_FV3: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    wide, high = size
    xyd_FVD = np.empty(vertices_FV3.shape, np.float32)
    xyd_FVD[..., 2] = 1 / (raster.CAMERA_Z - vertices_FV3[..., 2])
    unit_FV = np.float32(raster.CAMERA_Z * scene.camera.scale * high) * xyd_FVD[..., 2]
    xyd_FVD[..., 0] = vertices_FV3[..., 0] * unit_FV + np.float32(scene.camera.centre_2[0] * wide)
    xyd_FVD[..., 1] = np.float32(scene.camera.centre_2[1] * high) - vertices_FV3[..., 1] * unit_FV
    return xyd_FVD


def _landmarks(xyd_FVD: np.ndarray) -> np.ndarray:
    model = head()
    return model.landmarks(xyd_FVD[:, -len(model.mean_V3) :])


def _draw(
    scene: Scene, mesh: _Mesh, xyd_VD: np.ndarray, f: int, fine: int, picture: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Adds the people to the picture; returns how near the nearest thing is in the fine picture."""
    high, wide = labels.shape
    fine_HWC = np.empty((high * fine, wide * fine, 3), np.float32)
    fine_labels_HW = np.zeros((high * fine, wide * fine), np.uint8)
    nearness_HW = np.zeros((high * fine, wide * fine), np.float32)
    lamp, looks = scene.light, scene.person.looks if scene.person else None
    tint_3 = lamp.tint_3.astype(np.float32)
    lit_V3 = np.empty_like(mesh.colours_V3)
    raster.light(
        mesh.vertices_FV3[f],
        mesh.triangles_T3,
        mesh.colours_V3,
        mesh.material_V,
        mesh.uv_V2,
        np.float32(lamp.ambient),
        np.float32(lamp.diffuse),
        lamp.direction_F3[f].astype(np.float32),
        tint_3,
        np.float32(looks.shine if looks else 0),
        lit_V3,
    )
    eye_3 = (looks.eye_3 if looks else np.zeros(3)).astype(np.float32)
    gaze_2 = np.sin(scene.gaze_F2[f]).astype(np.float32)
    xyd_VD = xyd_VD * np.array([fine, fine, 1], np.float32)
    arrays = xyd_VD, mesh.triangles_T3, mesh.part_T, mesh.material_V, lit_V3, eye_3, tint_3, gaze_2
    raster.draw(*arrays, fine_HWC, fine_labels_HW, nearness_HW)
    raster.shrink(fine_HWC, fine_labels_HW, fine, picture, labels)
    return nearness_HW


def _visible(landmarks_LD: np.ndarray, nearness_HW: np.ndarray, fine: int) -> np.ndarray:
    """A landmark on the outline may fall just beside it, so its neighbours are asked too."""
    high, wide = nearness_HW.shape
    x_L, y_L = (
        np.floor(landmarks_LD[:, 0] * fine).astype(int),
        np.floor(landmarks_LD[:, 1] * fine).astype(int),
    )
    inside_L = (x_L >= 0) & (y_L >= 0) & (x_L < wide) & (y_L < high)
    around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    y_NL = np.clip(y_L + around[:, :1], 0, high - 1)
    x_NL = np.clip(x_L + around[:, 1:], 0, wide - 1)
    nearest_L = nearness_HW[y_NL, x_NL].min(0)
    own_L = landmarks_LD[:, 2]
    return inside_L & (nearest_L < own_L + HIDDEN * own_L**2)


class _Darkroom:
    """Backdrop, lens and sensor of one scene."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self.scene, (self.wide, self.high) = scene, size
        self.tile_HW3 = scene.backdrop_HW3.astype(np.float32)
        steps = np.linspace(0, 1, GAMMA_STEPS) ** (1 / scene.camera.gamma)
        self.table = (steps * 255 + 0.5).astype(np.uint8)
        self.linear = (np.linspace(0, 1, 256) ** scene.camera.gamma).astype(np.float32)
        sigma = scene.camera.blur * self.high
        reach = int(np.ceil(2.5 * sigma)) if sigma > 0.15 else 0
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
        self.weights = (weights / weights.sum()).astype(np.float32)
        self.rng = np.random.default_rng(zlib.crc32(scene.pose_F3.tobytes() + self.tile_HW3.tobytes()))

    def backdrop(self, f: int, behind: Rendered | None) -> np.ndarray:
        if behind is not None:
            return self.linear[behind.rgb_FHWC[f]]
        picture_HWC = np.empty((self.high, self.wide, 3), np.float32)
        raster.backdrop(self.tile_HW3, self.scene.drift_F2[f].astype(np.float32), picture_HWC)
        return picture_HWC

    def develop(self, f: int, picture_HWC: np.ndarray, out_HWC: np.ndarray) -> None:
        if len(self.weights) > 1:
            raster.blur(picture_HWC, self.weights)
        noise_HWC = self.rng.standard_normal(picture_HWC.shape, np.float32)
        raster.develop(picture_HWC, noise_HWC, np.float32(self.scene.camera.noise), self.table, out_HWC)
