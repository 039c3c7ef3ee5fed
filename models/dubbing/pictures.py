"""Takes pictures into latents and back, and keeps their colours.

C counts channels, F frames of H by W.
"""

import numpy as np
import torch
from torch import Tensor

from models.dubbing.request import Networks, Settings
from models.vae import denormalised, encode_tiled, normalised

SAME = 0.07
"""Pixels that differ by less from the reference (of 0..1) were not meant to change."""
MOST = 0.5
"""Of a frame has to be such, or it is another picture and not this one in other colours."""
NOISE = (1 / 255) ** 2
"""What deviations are not trusted below: a flat wall must not be stretched to the grain of another."""


def matched(made_CHW: Tensor, reference_CHW: Tensor, among_1HW: Tensor | None = None) -> Tensor:
    """Gives a picture, or each of many, the mean and deviation of its reference in each channel; all are 0..1.

    Only pixels `among` these count, where some are named.

    Each clip begins with what the VAE made of the one before it, and small errors of colour would add up. It is
    done on pixels, frame by frame: there it can be told which of them were meant to stay as they were (a mouth that
    opens makes no picture darker), and light that changes in the reference is followed.
    """
    same_1HW = (made_CHW - reference_CHW).abs().mean(-3, keepdim=True) < SAME
    count_111: Tensor | int = same_1HW.shape[-2] * same_1HW.shape[-1]
    if among_1HW is not None:
        same_1HW, count_111 = same_1HW & among_1HW, among_1HW.sum((-2, -1), keepdim=True).clamp(min=1)
    made_C11, varies_C11 = _mean_and_variance(made_CHW, same_1HW)
    wanted_C11, wanted_varies_C11 = _mean_and_variance(reference_CHW, same_1HW)
    scale_C11 = ((wanted_varies_C11 + NOISE) / (varies_C11 + NOISE)).sqrt()
    moved_CHW = (made_CHW - made_C11) * scale_C11 + wanted_C11
    enough_111 = same_1HW.sum((-2, -1), keepdim=True) >= MOST * count_111
    return torch.where(enough_111, moved_CHW, made_CHW)


def _mean_and_variance(x_CHW: Tensor, where_1HW: Tensor) -> tuple[Tensor, Tensor]:
    """Of the pixels of a mask; of none, numbers that are finite and mean nothing."""
    count_111 = where_1HW.sum((-2, -1), keepdim=True)
    mean_C11 = (x_CHW * where_1HW).sum((-2, -1), keepdim=True) / count_111.clamp(min=1)
    apart_CHW = (x_CHW - mean_C11) * where_1HW
    return mean_C11, apart_CHW.square().sum((-2, -1), keepdim=True) / (count_111 - 1).clamp(min=1)


def encoded(parts: Networks, video_1CFHW: Tensor, settings: Settings) -> Tensor:
    """Encodes a video of -1..1 into the DiT's latents."""
    kind = next(parts.vae.parameters())
    z = encode_tiled(parts.vae, video_1CFHW.to(kind), settings.tile, overlap(settings))
    return normalised(parts.vae, z.float())


def as_video(video_FHWC: np.ndarray) -> Tensor:
    """Returns uint8 frames as the VAE takes them, (1, C, F, H, W) of -1..1."""
    return torch.from_numpy(video_FHWC).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_vae(parts: Networks, z: Tensor) -> Tensor:
    """Returns latents as the VAE decodes them, in its own precision."""
    return denormalised(parts.vae, z).to(next(parts.vae.parameters()))


def as_pictures(video_1CFHW: Tensor) -> Tensor:
    """Returns what the VAE decoded as pictures (F, C, H, W), 0..1 but for what it overshoots."""
    return video_1CFHW[0].transpose(0, 1).float() / 2 + 0.5


def as_picture(frame_HWC: np.ndarray, like: Tensor) -> Tensor:
    """Returns one uint8 frame as a picture (C, H, W) of 0..1, of another tensor's type and device."""
    return torch.from_numpy(frame_HWC).to(like).permute(2, 0, 1) / 255


def as_bytes(picture_CHW: Tensor) -> np.ndarray:
    """Returns a picture as one uint8 frame (H, W, C)."""
    return (picture_CHW.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def overlap(settings: Settings) -> int:
    """Returns by how many latents tiles overlap."""
    return settings.tile // 4
