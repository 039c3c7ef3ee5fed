"""Describes everything in a rendered take but the mouth: who, posed how, in which light, before and behind what.

Units are the head's: x to the right, y up, z towards the camera; the eyes at y = 0.17, the seam of the
mouth at y = -0.5, the chin at about -1.1, the crown at 1.22, the face 1.5 wide. F counts frames at 25 fps.
"""

from dataclasses import dataclass

import numpy as np

from models.world.people import Person


@dataclass(frozen=True)
class Light:
    """One lamp and the sky."""

    direction_F3: np.ndarray
    """Unit vectors towards the light."""
    ambient: float
    diffuse: float
    tint_3: np.ndarray
    """Multiplies every colour of people and occluders."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera, six units before the origin, looking along -z."""

    scale: float
    """Share of the picture's height that one unit at z = 0 takes: 0.41 fills the picture with a head."""
    centre_2: np.ndarray
    """Where the origin falls, as shares of width and height (0.5, 0.5: the middle)."""
    noise: float
    """Standard deviation of the sensor's noise, 0..1."""
    blur: float
    """Standard deviation of the lens's blur as a share of the picture's height."""
    gamma: float


@dataclass(frozen=True)
class Occluder:
    """A thing in front of the face, already moved: in the room's coordinates, or the head's."""

    kind: str
    """As a person would call it: "hand", "microphone", "cup"."""
    vertices_FV3: np.ndarray
    triangles_T3: np.ndarray
    colours_V3: np.ndarray
    worn: bool
    """Moves with the head (a mask, hair): its vertices are then in the head's coordinates."""


@dataclass(frozen=True)
class Scene:
    """One take."""

    person: Person | None
    """None: an empty room."""
    pose_F3: np.ndarray
    """Yaw, pitch, roll of the head about the neck, radians."""
    shift_F2: np.ndarray
    """Of the whole person, in units."""
    brow_F: np.ndarray
    smile_F: np.ndarray
    blink_F: np.ndarray
    """0 open, 1 shut."""
    gaze_F2: np.ndarray
    light: Light
    backdrop_HW3: np.ndarray
    """0..1, tiled if it must be; any size."""
    drift_F2: np.ndarray
    """Of the backdrop, as shares of its width and height."""
    occluder: Occluder | None
    camera: Camera

    @property
    def frames(self) -> int:
        return len(self.pose_F3)
