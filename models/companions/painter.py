"""Paints companions of many clips at once: the segments of one clip come one after the other, so clips share a batch.

    painter = Painter(load("mini:generator"), load_vae("mini:vae"), Settings())
    for made in painter.companions(clips): ...

A clip that is done makes place for the next one, so that the batch stays full. Where too few are left it is filled up,
since a net rounds otherwise in batches of another size: what becomes of a clip does not depend on its company.
F frames of H by W pixels, N features of A numbers; B is the batch, z its latents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from models.audio.windows import windows_of_latents
from models.companions.segments import Cut, composed, inner_feather, passing
from models.dit.inputs import Motion, grey_where_masked
from models.dit.net import VideoDit
from models.dit.painting import Sampling, painted
from models.dubbing.pictures import matched
from models.dubbing.request import frames_to_either_side
from models.vae import decode_tiled, denormalised, encode_tiled, latents_of, normalised


@dataclass(frozen=True)
class Settings:
    """How companions are painted."""

    cut: Cut = field(default_factory=Cut)
    sampling: Sampling = field(default_factory=Sampling)
    feather: float = 0.015
    """Deviation of the bell that softens the mask's edge, as a share of the picture's side."""
    match_colour: bool = True
    tile: int = 32
    """Latents at a time, in height and width, through the VAE."""


@dataclass(frozen=True)
class Clip:
    """A clip whose face is to say something else."""

    rgb_FHWC: np.ndarray
    paint_FHW: np.ndarray
    """True where the face is painted."""
    heard_PA: np.ndarray
    """What is heard, 50 features a second, as long as the clip or longer."""
    seed: int


@dataclass
class Companion:
    """A clip while its face is painted, and in the end all of it."""

    clip: Clip
    starts: list[int]
    rgb_FHWC: np.ndarray
    over_FHW: np.ndarray
    """How much of each pixel is painted."""
    seams: list[float] = field(default_factory=list)
    """For each segment after the first, how far its picture of the frames it shares is from what was there before:
    mean difference in the painted part, of 0..255."""
    drifts: list[float] = field(default_factory=list)
    """For each segment how much brighter it is than the clip where it was painted, before colours are matched."""

    @property
    def done(self) -> bool:
        return len(self.drifts) == len(self.starts)

    @property
    def start(self) -> int:
        """First frame of the segment that is next."""
        return self.starts[len(self.drifts)]


class Painter:
    """A generator and its VAE, where they run."""

    def __init__(self, dit: VideoDit, vae: AutoencoderKLWan, settings: Settings):
        self.dit, self.vae, self.settings = dit, vae, settings
        self.kind = next(dit.parameters())
        self.spread = frames_to_either_side(dit.config.audio.window)

    def companions(self, clips: Sequence[Clip], lanes: int = 1) -> list[Companion]:
        """Returns the companions in the order of the clips, so many of which are painted at once."""
        made = [self._begun(clip) for clip in clips]
        # The longest first, so that few lanes are idle at the end.
        waiting = sorted(made, key=lambda one: len(one.starts))
        while waiting:
            batch = waiting[-lanes:]
            self._next_segments(batch, [batch[0]] * (lanes - len(batch)))
            waiting = [one for one in waiting if not one.done]
        return made

    def _begun(self, clip: Clip) -> Companion:
        starts = self.settings.cut.starts(len(clip.rgb_FHWC))
        side = clip.rgb_FHWC.shape[2]
        over_FHW = inner_feather(clip.paint_FHW, self.settings.feather * side)
        return Companion(clip, starts, clip.rgb_FHWC.copy(), over_FHW)

    @torch.inference_mode()
    def _next_segments(self, painted_now: Sequence[Companion], filling: Sequence[Companion]) -> None:
        batch = [*painted_now, *filling]
        numbers = [self.settings.cut.frames_of(one.start, len(one.rgb_FHWC)) for one in batch]
        video = self._video([one.clip.rgb_FHWC[at] for one, at in zip(batch, numbers, strict=True)])
        paint = torch.from_numpy(
            np.stack([one.clip.paint_FHW[at] for one, at in zip(batch, numbers, strict=True)])
        ).to(video.device)
        masked = self._encoded(grey_where_masked(video, paint))
        reference = self._encoded(video[:, :, :1])[:, :, 0]
        noise = torch.stack([self._noise(one, masked.shape[1:]) for one in batch]).to(masked)
        audio = torch.stack([self._heard(one) for one in batch])
        shown = [tensor.to(self.kind) for tensor in (masked, reference, audio, noise)]
        motion = self._motion(batch, masked)
        z = painted(self.dit, shown[0], shown[1], shown[2], shown[3], self.settings.sampling, motion).float()
        made = self._pixels(z)
        for place, one in enumerate(painted_now):
            self._laid(one, numbers[place], made[place], video[place].transpose(0, 1) / 2 + 0.5)

    def _motion(self, batch: Sequence[Companion], like: Tensor) -> Motion | None:
        """The last frames of the segment before, as they are now; clips that begin have none."""
        count = self.settings.cut.motion
        kept_B = torch.tensor([bool(one.drifts) for one in batch], device=like.device)
        if not count or not kept_B.any():
            return None
        frames = [one.rgb_FHWC[one.start : one.start + count] for one in batch]
        shape = batch[0].rgb_FHWC.shape[1:]
        padded = [np.concatenate([some, np.zeros((count - len(some), *shape), np.uint8)]) for some in frames]
        return Motion(self._encoded(self._video(padded)).to(self.kind), kept_B)

    def _laid(self, one: Companion, at: np.ndarray, made_FCHW: Tensor, own_FCHW: Tensor) -> None:
        """Colours matched, laid over the clip; of frames that are there already only the difference is noted."""
        start, clip, cut = one.start, one.clip, self.settings.cut
        shared = cut.motion if one.drifts else 0
        count = min(len(made_FCHW), len(clip.rgb_FHWC) - start)
        paint_FHW, made_FHWC = clip.paint_FHW[at], _levels(made_FCHW)
        one.drifts.append(_mean_difference(made_FHWC, clip.rgb_FHWC[at], paint_FHW, absolute=False))
        if self.settings.match_colour:
            paint_F1HW = torch.from_numpy(paint_FHW)[:, None].to(made_FCHW.device)
            made_FHWC = _levels(matched(made_FCHW, own_FCHW, paint_F1HW).clamp(0, 1))
        if shared:
            before_FHWC = one.rgb_FHWC[start : start + shared]
            same = slice(0, len(before_FHWC))
            one.seams.append(_mean_difference(made_FHWC[same], before_FHWC, paint_FHW[same]))
            blended = slice(shared, min(shared + cut.blended, count))
            made_FHWC[blended] = passing(one.rgb_FHWC[start:][blended], made_FHWC[blended], cut.blended)
        new, inside = slice(start + shared, start + count), slice(shared, count)
        one.rgb_FHWC[new] = composed(made_FHWC[inside], clip.rgb_FHWC[new], one.over_FHW[new])

    def _heard(self, one: Companion) -> Tensor:
        latents = latents_of(self.settings.cut.length)
        near_FN = windows_of_latents(one.start, latents, len(one.clip.heard_PA), self.spread)
        return torch.from_numpy(one.clip.heard_PA[near_FN]).to(self.kind.device)

    def _noise(self, one: Companion, shape: torch.Size) -> Tensor:
        """Of the clip and the segment alone: the same in whatever batch, on whatever machine."""
        seed = int.from_bytes(blake2b(f"{one.clip.seed} {one.start}".encode(), digest_size=7).digest(), "big")
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    def _video(self, rgb_BFHWC: Sequence[np.ndarray]) -> Tensor:
        video = torch.from_numpy(np.stack(rgb_BFHWC)).to(self.kind.device)
        return video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1

    def _encoded(self, video_BCFHW: Tensor) -> Tensor:
        z = encode_tiled(
            self.vae, video_BCFHW.to(self.vae.dtype), self.settings.tile, self.settings.tile // 4
        )
        return normalised(self.vae, z.float())

    def _pixels(self, z_BCFHW: Tensor) -> Tensor:
        """Of 0..1, float32 (B, F, C, H, W)."""
        z = denormalised(self.vae, z_BCFHW).to(self.vae.dtype)
        made = decode_tiled(self.vae, z, self.settings.tile, self.settings.tile // 4).float().clamp(-1, 1)
        return made.transpose(1, 2) / 2 + 0.5


def _levels(picture_FCHW: Tensor) -> np.ndarray:
    """Of 0..255, float32 (F, H, W, C)."""
    return (picture_FCHW.permute(0, 2, 3, 1) * 255).cpu().numpy()


def _mean_difference(
    one_FHWC: np.ndarray, other_FHWC: np.ndarray, where_FHW: np.ndarray, absolute: bool = True
) -> float:
    if not where_FHW.any():
        return 0.0
    apart = one_FHWC[where_FHW].astype(np.float64) - other_FHWC[where_FHW]
    return float((np.abs(apart) if absolute else apart).mean())
