"""Says which features of the sound belong to which frame of the video. Numbers only: no model, no sound.

Feature p is what is heard about the time p / 50 s, frame f shows the time f / fps. A window that reaches over an end
of the sound repeats the feature there, as the public editor does. But what lies past the end altogether is refused:
repeating would hold the last sound for ever, where `padded_with_silence` gives silence.

F frames, T latents, N neighbouring features.
"""

import numpy as np

RATE = 16000
FEATURES_HZ = 50
FPS = 25
FRAMES_PER_LATENT = 4
"""Frames that a latent stands for."""


def padded_with_silence(sound: np.ndarray, frames: int, fps: float = FPS) -> np.ndarray:
    """Returns 16 kHz mono with silence after it, if it is shorter than the video."""
    missing = int(np.ceil(frames / fps * RATE)) - len(sound)
    return np.pad(sound, (0, missing)) if missing > 0 else sound


def windows_of_frames(
    start: int, frames: int, features: int, count: int = 16, fps: float = FPS
) -> np.ndarray:
    """Returns for each frame from `start` on the indices of the features about it, (F, N), of so many there are."""
    shown_F = start + np.arange(frames)
    middle_F = np.round(shown_F / fps * FEATURES_HZ).astype(int)
    _check_heard(int(shown_F[-1]), int(middle_F[-1]), features, fps)
    return (middle_F[:, None] + np.arange(count) - count // 2).clip(0, features - 1)


def frames_of_latents(start: int, latents: int) -> np.ndarray:
    """Returns the frames that each latent covers, (T, 4), of a video whose first frame is number `start`.

    The first latent stands for that frame alone; it is given the three before it too, so that all have four.
    """
    return start + FRAMES_PER_LATENT * np.arange(latents)[:, None] + np.arange(1 - FRAMES_PER_LATENT, 1)


def windows_of_latents(start: int, latents: int, features: int, spread: int = 2) -> np.ndarray:
    """Returns for each latent the indices of the features of its frames, and of `spread` frames to either side.

    They are (T, 8 + 4 `spread`).

    At 25 fps, two features a frame. A spread of 2 makes the 16 of the paper, 0 is the public editor's.
    """
    assert spread >= 0, spread
    each = FEATURES_HZ // FPS
    frames_T4 = frames_of_latents(start, latents)
    last = int(frames_T4[-1, -1])
    _check_heard(last, each * last, features, FPS)
    first_T = each * (frames_T4[:, 0] - spread)
    return (first_T[:, None] + np.arange(each * (FRAMES_PER_LATENT + 2 * spread))).clip(0, features - 1)


def _check_heard(frame: int, needed: int, features: int, fps: float) -> None:
    if needed < features:
        return
    enough = int(np.ceil((features - 0.5) / FEATURES_HZ * fps)) if features else 0
    raise ValueError(
        f"the sound ends at {features / FEATURES_HZ:.2f} s ({features} features), before frame {frame} at "
        f"{frame / fps:.2f} s: cut the video to its first {enough} frames, or the sound goes on in silence with "
        "models.audio.windows.padded_with_silence"
    )
