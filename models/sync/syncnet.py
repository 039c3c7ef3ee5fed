"""Tells whether lips and sound belong together, and by how many frames they are apart.

    SyncNet("mini:syncnet").score(rgb_FHWC, five_F52, sound)

takes the public SyncNet weights (`syncnet_v2.model`), or the mini ones. Faces are cropped upright by their five
points: without that, its judgement loses a third of its worth. N counts windows of five frames, one a frame.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from models.faces.face import face_centre, face_size
from models.faces.warp import turned_square, warp
from models.sync.mfcc import HOP, PIECE, mfcc
from models.sync.net import COLUMNS, FRAMES, Net, Sizes, with_2d_kernels
from models.weights.references import ModelError, resolve

FPS = 25
COLUMNS_A_FRAME = 100 // FPS
REACH = 15
"""Frames to either side among which the offset is sought."""
SHORTEST = 25
"""Frames below which nothing is said: half the shifts would be judged on a handful of windows."""
SMOOTHED_OVER = 7
"""Frames that the crop's place is averaged over, so that errors of the points don't look like speech."""
BATCH = 32
"""Windows a pass."""


@dataclass(frozen=True)
class Sync:
    """How well lips and sound of one clip belong together."""

    offset: int
    """Frames by which the sound runs ahead of the lips; negative where it lags."""
    confidence: float
    """Sync-C: the median distance over all shifts less the least. Higher is better."""
    distance: float
    """Sync-D: the least distance. Lower is better."""


class SyncNet:
    """Runs SyncNet over whole clips."""

    def __init__(self, reference: str, device: str = "cpu"):
        self.net, self.sizes = load(resolve(reference))
        self.net.to(device)
        self.device = device

    def score(
        self, rgb_FHWC: np.ndarray, five_F52: np.ndarray, sound: np.ndarray, *, padded: bool = False
    ) -> Sync:
        """Scores 25 frames a second with the five points of the face, and its 16 kHz sound. `padded`: see `distances`."""
        return judge(distances(self.lips(rgb_FHWC, five_F52), self.sounds(sound), padded=padded))

    def lips(self, rgb_FHWC: np.ndarray, five_F52: np.ndarray) -> np.ndarray:
        """Returns vectors of the lips (N, D): window n begins with frame n."""
        return self._run(self.net.lips, lip_windows(crops(rgb_FHWC, five_F52, self.sizes)))

    def sounds(self, sound: np.ndarray) -> np.ndarray:
        """Returns vectors of the sound (N, D): window n begins with the sound of frame n."""
        return self._run(self.net.sound, sound_windows(sound))

    @torch.inference_mode()
    def _run(self, net: Callable[[Tensor], Tensor], windows_N: np.ndarray) -> np.ndarray:
        pieces = (windows_N[at : at + BATCH] for at in range(0, len(windows_N), BATCH))
        vectors = [net(torch.from_numpy(np.array(piece, np.float32)).to(self.device)) for piece in pieces]
        return torch.cat(vectors).cpu().numpy()


def distances(lips_ND: np.ndarray, sounds_ND: np.ndarray, *, padded: bool = False) -> np.ndarray:
    """Returns mean distances (2 x REACH + 1,) of lips to a sound that is ever later, from REACH frames before on.

    `padded` compares with zeros beyond the ends, as the published evaluation does: for numbers to be set beside
    published ones. Else only what has a partner counts, which judges short clips better.
    """
    count = min(len(lips_ND), len(sounds_ND))
    assert count + FRAMES - 1 >= SHORTEST, f"{count + FRAMES - 1} frames are too few to judge"
    lips_ND, sounds_ND = lips_ND[:count], sounds_ND[:count]
    later_ND = np.pad(sounds_ND, ((REACH, REACH), (0, 0)))
    there_N = np.pad(np.ones(count, bool), REACH, constant_values=padded)
    means = []
    for start in range(2 * REACH + 1):
        apart_N = np.linalg.norm(lips_ND - later_ND[start : start + count], axis=1)
        means.append(apart_N[there_N[start : start + count]].mean())
    return np.array(means)


def judge(mean_S: np.ndarray) -> Sync:
    """Finds the shift with the least distance, and how much less it is than the median."""
    nearest = int(mean_S.argmin())
    least = float(mean_S[nearest])
    return Sync(REACH - nearest, float(np.median(mean_S)) - least, least)


def lip_windows(bgr_F3HW: np.ndarray) -> np.ndarray:
    """Returns all windows of five frames, (N, 3, 5, H, W), without a copy."""
    return np.lib.stride_tricks.sliding_window_view(bgr_F3HW, FRAMES, 0).transpose(0, 1, 4, 2, 3)


def sound_windows(sound: np.ndarray) -> np.ndarray:
    """Returns the sound of every window, (N, 13, 20)."""
    heard_TC = mfcc(sound)
    return np.lib.stride_tricks.sliding_window_view(heard_TC, COLUMNS, 0)[::COLUMNS_A_FRAME]


def heard_between(sound: np.ndarray, first: int, frames: int) -> np.ndarray:
    """Returns the coefficients of some frames of a clip, (13, T): those of the whole clip, with silence after it."""
    start, columns = first * COLUMNS_A_FRAME, frames * COLUMNS_A_FRAME
    before = min(start, 1)  # a column before the first, since a sample is heard against the one before it
    near = sound[(start - before) * HOP : (start + columns - 1) * HOP + PIECE]
    needed = (before + columns - 1) * HOP + PIECE
    return np.ascontiguousarray(mfcc(np.pad(near, (0, needed - len(near))))[before:].T)


def crops(rgb_FHWC: np.ndarray, five_F52: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Returns the face upright, at one place and size, uint8 (F, 3, side, side), BGR as published."""
    return crops_at(rgb_FHWC, places(five_F52), sizes)


def places(five_F52: np.ndarray) -> np.ndarray:
    """Returns where the face is in each frame of a clip, (F, 4)."""
    return smoothed_places(np.stack([_place(five_52) for five_52 in five_F52]))


def crops_at(rgb_FHWC: np.ndarray, place_F4: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Returns the crops of some frames of a clip, given where the face is in them."""
    assert len(rgb_FHWC) == len(place_F4), f"{len(rgb_FHWC)} frames, but points of {len(place_F4)}"
    made = []
    for rgb_HWC, place_4 in zip(rgb_FHWC, place_F4, strict=True):
        made.append(warp(rgb_HWC, square_of(place_4, sizes), (sizes.side, sizes.side))[::-1])
    return np.stack(made).round().astype(np.uint8)


def square_of(place_4: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Returns the map (2, 3) from a crop to the picture in which the face is there."""
    x, y, right, down = place_4
    degrees, size = np.degrees(np.arctan2(down, right)), np.hypot(right, down)
    centre = x - down * sizes.down, y + right * sizes.down
    return turned_square(centre, sizes.wide * size, float(degrees), sizes.side)


def _place(five_52: np.ndarray) -> np.ndarray:
    """Centre, and a vector from left to right that is as long as the face is large."""
    across = (five_52[1] - five_52[0]) + (five_52[4] - five_52[3])
    return np.concatenate(
        [face_centre(five_52), across / max(np.linalg.norm(across), 1e-6) * face_size(five_52)]
    )


def smoothed_places(place_F4: np.ndarray) -> np.ndarray:
    """Averages places over neighbouring frames; the ends count more than once."""
    side = SMOOTHED_OVER // 2
    padded_4T = np.pad(place_F4, ((side, side), (0, 0)), mode="edge").T
    return np.lib.stride_tricks.sliding_window_view(padded_4T, SMOOTHED_OVER, 1).mean(-1).T


_REFUSAL = (
    "{path} holds no SyncNet: {error}; give the public syncnet_v2.model, `mini:syncnet`, or what "
    "`python -m models.mini.syncnet` writes"
)


def load(path: Path) -> tuple[Net, Sizes]:
    """Loads a SyncNet, ready for use. Public weights are a pickle of tensors, of which nothing but tensors is read."""
    try:
        weights, sizes = _read(path)
        net = Net(sizes)
        net.load_state_dict(with_2d_kernels(weights))
    except Exception as error:  # what a strange file makes of a reader is any of a dozen errors
        raise ModelError(_REFUSAL.format(path=path, error=error)) from error
    return net.eval(), sizes


def _read(path: Path) -> tuple[dict[str, Tensor], Sizes]:
    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True), Sizes()
    with safe_open(path, "pt") as stored:
        about = json.loads((stored.metadata() or {}).get("about", "{}"))
        weights = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    return weights, Sizes(**about.get("sizes", {}))
