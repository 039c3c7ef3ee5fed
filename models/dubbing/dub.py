"""Dubs a video of any length as the public X-Dub checkpoint does: clip after clip in latents, decoded once.

Each clip is noise that the editor turns into the reference with other lips (models/dubbing/sampling.py). A clip
begins with the frames the one before it ended with, decoded, matched in colour and encoded anew: a clip's first latent
stands for one frame and looks at nothing before it, so latents out of the middle of another clip would not do. What
is left over at the end of the last clip is cut off; to fill it, the video turns back and the sound falls silent.

Latents are (1, C, F, H, W); video is F frames of H by W; A numbers a feature of the sound, N features a latent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.audio.windows import FPS, RATE, padded_with_silence, windows_of_latents
from models.dit.inputs import DitInput
from models.dubbing.pictures import (
    as_bytes,
    as_picture,
    as_pictures,
    as_video,
    encoded,
    matched,
    overlap,
    to_vae,
)
from models.dubbing.request import Networks, Settings, check, checked_features, frames_to_either_side
from models.dubbing.reuse import ReusedVelocities
from models.dubbing.sampling import edited_clip, guidance_input
from models.vae import decode_tiled, decode_window, latents_of


@dataclass(frozen=True)
class Dubbed:
    """The video that was made, and what leaving out steps has cost."""

    video_FHWC: np.ndarray
    left_out: int
    """Steps taken without the net (`Settings.reuse`), of all clips."""
    error: float
    """How far off that may have led in latents, as a share of the way from noise: the worst clip's."""


def dub(
    parts: Networks,
    video_FHWC: np.ndarray,
    sound: np.ndarray,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dubbed:
    """Dubs a video with a sound: uint8 at 25 fps in and out, 16 kHz mono, as many frames as both have.

    `progress` is told, after each step, how many are done and how many there will be.
    """
    settings = settings or Settings()
    frames = check(parts, video_FHWC, sound, settings)
    clips = settings.clips(frames)
    total = settings.clip + (clips - 1) * settings.advance
    sound = padded_with_silence(sound, total)[: total * RATE // FPS].astype(np.float32)
    heard_PA = checked_features(parts, parts.audio_features(sound))
    reference_FHWC = video_FHWC[there_and_back(len(video_FHWC), total)]
    with torch.inference_mode():
        tick = _counted(progress, clips * settings.steps)
        z, paths = _all_clips(parts, reference_FHWC, heard_PA, settings, tick)
        made_FCHW = as_pictures(decode_tiled(parts.vae, to_vae(parts, z), settings.tile, overlap(settings)))
        video_FHWC = np.stack([
            as_bytes(matched(made_CHW, as_picture(shown_HWC, made_CHW)))
            for made_CHW, shown_HWC in zip(made_FCHW[:frames], reference_FHWC, strict=False)
        ])  # fmt: skip
    return Dubbed(video_FHWC, sum(path.left_out for path in paths), max(path.error for path in paths))


def _all_clips(
    parts: Networks, video_FHWC: np.ndarray, heard_PA: Tensor, settings: Settings, tick: Callable[[], None]
) -> tuple[Tensor, list[ReusedVelocities]]:
    """Noise is drawn on the CPU, in one stream: the same whatever runs the net, and new for each clip."""
    generator = torch.Generator().manual_seed(settings.seed)
    whole: Tensor | None = None
    motion: Tensor | None = None
    paths = []
    for start in range(0, len(video_FHWC) - settings.motion, settings.advance):
        some_FHWC = video_FHWC[start : start + settings.clip]
        reference = encoded(parts, as_video(some_FHWC), settings)
        audio_1FNA = _windows(parts, heard_PA, start, settings).to(reference)
        noise = torch.randn(reference.shape, generator=generator).to(reference)
        z, path = edited_clip(parts, reference, audio_1FNA, noise, settings, motion, tick)
        paths.append(path)
        whole = z if whole is None or motion is None else joined(whole, z, motion.shape[2])
        if start + settings.clip < len(video_FHWC):
            motion = ending(parts, z, some_FHWC, settings)
    assert whole is not None, "a video has one clip at least"
    return whole, paths


@torch.inference_mode()
def input_halfway(parts: Networks, video_FHWC: np.ndarray, sound: np.ndarray, settings: Settings) -> DitInput:
    """Returns what the net is shown in the middle of the first clip, to try it out on (`speedup.in_float8`)."""
    check(parts, video_FHWC, sound, settings)
    heard_PA = checked_features(
        parts, parts.audio_features(padded_with_silence(sound, settings.clip).astype(np.float32))
    )
    reference = encoded(parts, as_video(video_FHWC[there_and_back(len(video_FHWC), settings.clip)]), settings)
    noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(settings.seed)).to(reference)
    audio_1FNA = _windows(parts, heard_PA, 0, settings).to(reference)
    halfway, unseen = (reference + noise) / 2, settings.reference > 0
    return guidance_input(parts, halfway, 0.5, reference, audio_1FNA, None, unseen)


def joined(before: Tensor, after: Tensor, motion: int) -> Tensor:
    """Joins the latents of two clips: of the `motion` they share, all but the first are for the same frames in both.

    There their mean is taken.

    The first of `after` stands for one frame that `before` has among four.
    """
    shared = motion - 1
    keep = before.shape[2] - shared
    middle = (before[:, :, keep:] + after[:, :, 1:motion]) / 2
    return torch.cat([before[:, :, :keep], middle, after[:, :, motion:]], 2)


def there_and_back(frames: int, total: int) -> np.ndarray:
    """Returns the indices of `total` frames in a video that turns round at its ends."""
    return np.abs((np.arange(total) + frames - 1) % max(2 * frames - 2, 1) - (frames - 1))


def ending(parts: Networks, z: Tensor, reference_FHWC: np.ndarray, settings: Settings) -> Tensor:
    """Returns the latents of the frames that a clip ends with, which begin the next."""
    count = latents_of(settings.motion)
    made = decode_window(parts.vae, to_vae(parts, z), z.shape[2] - count, count)
    made_FCHW = as_pictures(made)[-settings.motion :]
    shown_FHWC = reference_FHWC[-settings.motion :]
    frames = [
        matched(made_CHW, as_picture(shown_HWC, made_CHW)).clamp(0, 1)
        for made_CHW, shown_HWC in zip(made_FCHW, shown_FHWC, strict=True)
    ]
    return encoded(parts, torch.stack(frames, 1)[None] * 2 - 1, settings)


def _windows(parts: Networks, heard_PA: Tensor, start: int, settings: Settings) -> Tensor:
    near_FN = windows_of_latents(
        start, latents_of(settings.clip), len(heard_PA), frames_to_either_side(parts.dit.config.audio.window)
    )
    return heard_PA[torch.from_numpy(near_FN)][None]


def _counted(progress: Callable[[int, int], None] | None, steps: int) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, steps)

    return tick
