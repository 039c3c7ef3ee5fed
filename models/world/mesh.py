"""Makes one mesh of all that is drawn of a scene: the occluder, then the person, the inside of the mouth last."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.world.body.head import head
from models.world.body.looks import paint
from models.world.body.morphable import JAW_OPEN, Material, Part, rotations
from models.world.people import Person
from models.world.scene import Scene

PART_OPENING = 0.3
"""At which the upper lip is raised as far as it goes."""


@dataclass(frozen=True)
class Mesh:
    """Triangles, and what they are made of."""

    vertices_FV3: np.ndarray
    """In the room."""
    triangles_T3: np.ndarray
    part_T: np.ndarray
    material_V: np.ndarray
    uv_V2: np.ndarray
    colours_V3: np.ndarray

    def before(self, other: "Mesh") -> "Mesh":
        """Returns this mesh and another as one, this one drawn first."""
        moved_T3 = other.triangles_T3 + np.int32(len(self.material_V))
        return Mesh(
            np.concatenate([self.vertices_FV3, other.vertices_FV3], 1),
            np.concatenate([self.triangles_T3, moved_T3]),
            np.concatenate([self.part_T, other.part_T]),
            np.concatenate([self.material_V, other.material_V]),
            np.concatenate([self.uv_V2, other.uv_V2]),
            np.concatenate([self.colours_V3, other.colours_V3]),
        )


def mesh(scene: Scene, mouth_F3: np.ndarray) -> Mesh:
    """Makes the mesh. The occluder comes first: the stencil of the mouth must know what stands before it."""
    whole = _occluder(scene, len(mouth_F3))
    if scene.person is None:
        return whole
    model = head()
    order_T = _drawing_order()
    colours_V3 = paint(model, scene.person.looks)
    triangles_T3, part_T = model.triangles_T3[order_T], model.part_T[order_T]
    posed_FV3 = pose(scene, mouth_F3)
    return whole.before(Mesh(posed_FV3, triangles_T3, part_T, model.material_V, model.uv_V2, colours_V3))


@cache
def _drawing_order() -> np.ndarray:
    """The opening of the mouth after all that may hide it, and what is inside after the opening."""
    part_T = head().part_T
    return np.argsort(part_T * np.isin(part_T, [Part.MOUTH, Part.TEETH, Part.TONGUE]), kind="stable")


def pose(scene: Scene, mouth_F3: np.ndarray) -> np.ndarray:
    """Returns the person's vertices in the room."""
    assert scene.person is not None
    frames = len(mouth_F3)
    jaw_F = JAW_OPEN * mouth_F3[:, 0]
    posed_FV3 = head().pose(scene.person.shape_K, expressions(scene, mouth_F3), jaw_F, scene.pose_F3[:frames])
    posed_FV3[:, :, :2] += scene.shift_F2[:frames, None].astype(np.float32)
    return posed_FV3


def expressions(scene: Scene, mouth_F3: np.ndarray) -> np.ndarray:
    """Returns coefficients of the person's expressions, FE: a mouth and lids move as far as theirs are wide."""
    assert scene.person is not None
    frames = len(mouth_F3)
    opening_F, width_F, protrusion_F = mouth_F3.T
    moves = {
        "width": width_F * _against_mean(scene.person, "mouth_left", "mouth_right"),
        "protrusion": protrusion_F,
        "part": np.clip(opening_F / PART_OPENING, 0, 1),
        "brow": scene.brow_F[:frames],
        "smile": scene.smile_F[:frames],
        "blink": scene.blink_F[:frames] * _against_mean(scene.person, "left_lid_upper", "left_lid_lower"),
    }
    return np.stack([moves[name] for name in head().expression_names], -1)


def _against_mean(person: Person, first: str, second: str) -> float:
    """A distance between landmarks of somebody's face at rest, as a share of the mean head's."""
    model = head()
    faces_2V3 = np.stack([model.neutral(person.shape_K), model.mean_V3])
    places_2L3 = model.landmarks(faces_2V3)[:, [model.landmark_names.index(name) for name in (first, second)]]
    theirs, mean = np.linalg.norm(places_2L3[:, 0] - places_2L3[:, 1], axis=-1)
    return float(theirs / mean)


def _occluder(scene: Scene, frames: int) -> Mesh:
    """Empty where there is none."""
    thing = scene.occluder
    if thing is None:
        none, nothing = np.zeros(0, np.uint8), np.zeros((0, 3), np.float32)
        return Mesh(
            np.zeros((frames, 0, 3), np.float32),
            nothing.astype(np.int32),
            none,
            none,
            nothing[:, :2],
            nothing,
        )
    vertices_FV3 = thing.vertices_FV3[:frames].astype(np.float32)
    if thing.worn:
        pivot_3, turn_F33 = head().neck.pivot_3, rotations(scene.pose_F3[:frames])
        vertices_FV3 = np.matmul(vertices_FV3 - pivot_3, turn_F33.transpose(0, 2, 1)) + pivot_3
        vertices_FV3[:, :, :2] += scene.shift_F2[:frames, None].astype(np.float32)
    count, triangles_T3 = len(thing.colours_V3), thing.triangles_T3.astype(np.int32)
    part_T = np.full(len(triangles_T3), Part.OCCLUDER, np.uint8)
    material_V, uv_V2 = np.full(count, Material.CLOTH, np.uint8), np.zeros((count, 2), np.float32)
    return Mesh(vertices_FV3, triangles_T3, part_T, material_V, uv_V2, thing.colours_V3.astype(np.float32))
