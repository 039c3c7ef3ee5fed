"""Looks at windows as a net takes them: sizes, latents, both halves of pairs, sound, masks, and where faces lie.

A batch of pixels is looked at as far as that goes: what its latents are is known when they are encoded.

B samples, C channels, F latent frames, H by W latents, N audio features of A numbers.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.dit.config import DitConfig
from models.vae.shapes import latents_of
from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn
from tasks.training.objective import Batch

FLATTEST, WIDEST = 0.02, 50.0
"""Deviations of a channel of normalised latents; a good VAE's are about 1."""
EVERYTHING = 0.98
EDGE = 0.25
"""A mask of which more than this share lies on the picture's outermost latents is cut off by its edge."""


def sizes(batch: Batch, config: DitConfig, frames: int) -> Iterator[Finding]:
    """Whether the net takes them."""
    if "target_BCFHW" in batch:
        yield from _latent_sizes(batch, config, frames)
    yield from _heard_sizes(batch["audio_BFNA"], config, latents_of(frames))


def _latent_sizes(batch: Batch, config: DitConfig, frames: int) -> Iterator[Finding]:
    _, channels, count, height, width = batch["target_BCFHW"].shape
    place = (count, height, width)
    if channels != config.channels:
        yield refuse(
            f"latents have {channels} channels, and the net takes {config.channels}: name the VAE that the preset "
            "is made for (vae), or another preset"
        )
    if count != latents_of(frames) or height % config.patch or width % config.patch:
        yield refuse(
            f"latents are {count} frames of {height}x{width}, and a window of {frames} frames is {latents_of(frames)} "
            f"of whole patches of {config.patch}x{config.patch}: rebuild the stage latents with the recipe's frames"
        )
    wrong = [name for name in ("face_BFHW", "lips_BFHW") if tuple(batch[name].shape[1:]) != place]
    beside = [name for name in ("masked_BCFHW", "companion_BCFHW") if name in batch]
    wrong += [name for name in beside if batch[name].shape != batch["target_BCFHW"].shape]
    if wrong:
        yield refuse(f"{', '.join(wrong)} has another size than the latents; rebuild its stage")


def _heard_sizes(audio_BFNA: Tensor, config: DitConfig, count: int) -> Iterator[Finding]:
    wanted = (count, config.audio.window, config.audio.features)
    if tuple(audio_BFNA.shape[1:]) != wanted:
        yield refuse(
            f"the sound of a window is {tuple(audio_BFNA.shape[1:])} (latent frames, features, numbers), and the net "
            f"takes {wanted}: rebuild hearing with the Whisper and layers that the preset is made for"
        )


def latents(batch: Batch) -> Iterator[Finding]:
    """Whether each channel has something to say, and none too much."""
    if "target_BCFHW" not in batch:
        return
    deviation_C = batch["target_BCFHW"].double().transpose(0, 1).flatten(1).std(1)
    odd = [number for number, one in enumerate(deviation_C.tolist()) if not FLATTEST < one < WIDEST]
    span = f"{deviation_C.min():.2f} to {deviation_C.max():.2f}"
    if odd:
        yield refuse(
            f"channels {first_of([str(one) for one in odd])} of the latents deviate by {span}, not by about 1: they "
            "are not normalised, or not of this VAE; rebuild the stage latents"
        )
    else:
        yield ok(f"latents deviate by {span} a channel")


def halves(batch: Batch) -> Iterator[Finding]:
    """Whether a companion is another picture than its clip, where both are given alike."""
    pairs = (("target_BCFHW", "companion_BCFHW"), ("video_BFHWC", "companion_BFHWC"))
    for own, other in (pair for pair in pairs if all(name in batch for name in pair)):
        same_B = (batch[own] == batch[other]).flatten(1).all(1)
        same = _all_or_some(batch["id"], same_B, "the companion is the clip itself", "pairscores")
        yield from same or [ok("companions are other pictures than their clips")]


def sound(batch: Batch) -> Iterator[Finding]:
    """Whether something is heard."""
    deaf = _rows(batch["id"], batch["audio_BFNA"].flatten(1).abs().amax(1) == 0)
    if deaf:
        yield refuse(
            f"features of the sound are all zero in {first_of(deaf)}: rebuild the stage hearing", deaf
        )
    else:
        yield ok("every window is heard")


def masks(batch: Batch) -> Iterator[Finding]:
    """Whether there is something to paint, and something that stays."""
    found = []
    for name, what in (("face_BFHW", "face"), ("lips_BFHW", "lips")):
        share_B = batch[name].float().flatten(1).mean(1)
        low, high = float(batch[name].min()), float(batch[name].max())
        if low < 0 or high > 1:
            found.append(
                refuse(f"weights of the {what} go from {low:g} to {high:g}, not 0 to 1; rebuild facemask")
            )
        found += _all_or_some(batch["id"], share_B == 0, f"the mask of the {what} is empty")
        found += _all_or_some(
            batch["id"], share_B > EVERYTHING, f"the mask of the {what} is the whole picture"
        )
    yield from found or [ok("masks of face and lips are neither empty nor everything")]


def places(batch: Batch) -> Iterator[Finding]:
    """Whether face and lips lie inside the picture. A chin may touch its edge; lips may not."""
    off = [
        finding
        for name, what in (("face_BFHW", "face"), ("lips_BFHW", "lips"))
        for finding in _all_or_some(
            batch["id"], _on_edge(batch[name].float()) > EDGE, f"the {what} is cut off by the picture's edge"
        )
    ]
    yield from off or [ok("face and lips lie inside the picture")]


def _on_edge(mask_BFHW: Tensor) -> Tensor:
    """(B) share of a mask on the outermost latents."""
    inner_B = mask_BFHW[..., 1:-1, 1:-1].flatten(1).sum(1)
    total_B = mask_BFHW.flatten(1).sum(1)
    return 1 - torch.where(total_B > 0, inner_B / total_B.clamp(min=1e-9), torch.ones_like(total_B))


def _all_or_some(ids: Sequence[str], is_so_B: Tensor, what: str, stage: str = "facemask") -> list[Finding]:
    """Of one clip it may be so; where it is so of all, something is wrong with the stage."""
    rows = _rows(ids, is_so_B)
    if rows and len(rows) == len(ids):
        return [refuse(f"{what} in all {len(ids)} windows looked at: look at `redub sheet {stage}`", rows)]
    return [warn(f"{what} in {len(rows)} of {len(ids)} windows: {first_of(rows)}", rows)] if rows else []


def _rows(ids: Sequence[str], is_so_B: Tensor) -> list[str]:
    return [one for one, so in zip(ids, is_so_B.tolist(), strict=True) if so]
