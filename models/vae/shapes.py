"""Counts, sizes and scales of what goes into a video VAE and comes out, and what is refused before any work is done."""

from collections.abc import Sequence

from diffusers import AutoencoderKLWan
from torch import Tensor

FRAMES_PER_LATENT = 4
"""Frames a latent stands for; but the first stands for one."""


def latents_of(frames: int) -> int:
    """Returns how many latents so many frames make: 7 of 25.

    Other counts than 4k + 1 pass silently through the library, and lose their last frames; here they are refused.
    """
    if frames < 1 or (frames - 1) % FRAMES_PER_LATENT:
        near = max(1, round((frames - 1) / FRAMES_PER_LATENT) * FRAMES_PER_LATENT + 1)
        raise ValueError(f"the video VAE takes 4k+1 frames (1, 5, 9, ...), not {frames}; cut to {near}")
    return 1 + (frames - 1) // FRAMES_PER_LATENT


def frames_of(first: int, count: int) -> slice:
    """Returns the frames that latents first .. first + count - 1 of a clip stand for."""
    assert first >= 0, first
    assert count >= 1, count
    return slice(
        max(0, FRAMES_PER_LATENT * first - FRAMES_PER_LATENT + 1), FRAMES_PER_LATENT * (first + count - 1) + 1
    )


def pixels_per_latent(vae: AutoencoderKLWan) -> int:
    """Returns how many pixels wide and high a latent is.

    (The config's own `scale_factor_spatial` is but a note.)
    """
    return pixels_per_latent_by(vae.config.dim_mult, vae.config.patch_size)


def pixels_per_latent_by(dim_mult: Sequence[int], patch_size: int | None) -> int:
    """Returns the same by what a VAE's config says."""
    return 2 ** (len(dim_mult) - 1) * (patch_size or 1)


def check_video(vae: AutoencoderKLWan, video_BCTHW: Tensor) -> None:
    """Refuses a video that the VAE can't encode."""
    height, width = video_BCTHW.shape[-2:]
    latents_of(video_BCTHW.shape[2])
    side = pixels_per_latent(vae)
    if height % side or width % side:
        fits = f"{height // side * side}x{width // side * side}"
        raise ValueError(
            f"this VAE takes pictures whose height and width divide by {side}, not {height}x{width}; cut to {fits}"
        )
    _check_finite(video_BCTHW, "frames")


def check_latents(vae: AutoencoderKLWan, z_BCTHW: Tensor) -> None:
    """Refuses latents that the VAE can't decode."""
    if z_BCTHW.ndim != 5 or z_BCTHW.shape[1] != vae.config.z_dim or not z_BCTHW.shape[2]:
        raise ValueError(
            f"this VAE decodes latents (clips, {vae.config.z_dim}, 1 or more, height, width), "
            f"not {tuple(z_BCTHW.shape)}; were they made by another VAE?"
        )
    _check_finite(z_BCTHW, "latents")


def _check_finite(x_BCTHW: Tensor, what: str) -> None:
    """One NaN would spread over all later frames, and over the whole picture."""
    if x_BCTHW.is_meta or x_BCTHW.isfinite().all():
        return
    bad_BT = ~x_BCTHW.isfinite().all(-1).all(-1).all(1)
    clip = int(bad_BT.any(1).nonzero()[0])
    numbers = bad_BT[clip].nonzero().flatten().tolist()
    raise ValueError(
        f"{what} {', '.join(map(str, numbers[:5]))}{', ...' * (len(numbers) > 5)} of clip {clip} are not finite; "
        "look at what made them (half precision overflows; use bfloat16)"
    )


def normalised(vae: AutoencoderKLWan, z_BCTHW: Tensor) -> Tensor:
    """Returns latents as a DiT works on them: less the mean, over the deviation that the VAE's config names.

    Wan's VAEs name one for each channel; mini:vae one for all (models/mini/vae/train.py says why).
    """
    mean_C, std_C = (z_BCTHW.new_tensor(v) for v in (vae.config.latents_mean, vae.config.latents_std))
    return (z_BCTHW - mean_C.view(-1, 1, 1, 1)) / std_C.view(-1, 1, 1, 1)


def denormalised(vae: AutoencoderKLWan, z_BCTHW: Tensor) -> Tensor:
    """Undoes `normalised`."""
    mean_C, std_C = (z_BCTHW.new_tensor(v) for v in (vae.config.latents_mean, vae.config.latents_std))
    return z_BCTHW * std_C.view(-1, 1, 1, 1) + mean_C.view(-1, 1, 1, 1)
