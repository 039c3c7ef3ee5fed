"""Adds what a camera adds to a scene: the backdrop, the lens's blur, the sensor's noise and gamma."""

import zlib

import numpy as np

from models.world import raster
from models.world.scene import Scene

GAMMA_STEPS = 4096
SHARP = 0.15
"""Pixels of blur that nobody sees."""


class CameraEffects:
    """The effects of one scene, frame after frame; the noise is the same for the same pose and backdrop."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self.scene, (self.wide, self.high) = scene, size
        self.tile_HW3 = scene.backdrop_HW3.astype(np.float32)
        bytes_of_steps = np.linspace(0, 1, GAMMA_STEPS) ** (1 / scene.camera.gamma) * 255 + 0.5
        self.table = bytes_of_steps.astype(np.uint8)
        self.linear = (np.linspace(0, 1, 256) ** scene.camera.gamma).astype(np.float32)
        sigma = scene.camera.blur * self.high
        reach = int(np.ceil(2.5 * sigma)) if sigma > SHARP else 0
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, SHARP)) ** 2)
        self.weights = (weights / weights.sum()).astype(np.float32)
        self.rng = np.random.default_rng(zlib.crc32(scene.pose_F3.tobytes() + self.tile_HW3.tobytes()))

    def backdrop(self, f: int, behind_FHWC: np.ndarray | None) -> np.ndarray:
        """Returns what is behind the people in frame f."""
        if behind_FHWC is not None:
            return self.linear[behind_FHWC[f]]
        picture_HWC = np.empty((self.high, self.wide, 3), np.float32)
        raster.backdrop(self.tile_HW3, self.scene.drift_F2[f].astype(np.float32), picture_HWC)
        return picture_HWC

    def develop(self, picture_HWC: np.ndarray, out_HWC: np.ndarray) -> None:
        """Blurs a picture, adds noise and gamma, and writes it as bytes."""
        if len(self.weights) > 1:
            raster.blur(picture_HWC, self.weights)
        noise_HWC = self.rng.standard_normal(picture_HWC.shape, np.float32)
        raster.develop(picture_HWC, noise_HWC, np.float32(self.scene.camera.noise), self.table, out_HWC)
