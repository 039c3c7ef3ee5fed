"""What trainings of a video DiT share: chance, noise, the weighted flow-matching loss, and how the net begins.

A subclass lays out what its net is shown (METHOD 4 and 6). B samples, C channels, F latent frames, H by W latents,
N audio features of A numbers; t is 1 for pure noise.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.dit import flow
from models.dit.checkpoint import load_what_fits
from models.dit.config import DitConfig
from models.dit.inputs import DitInput, Motion, noised_frames
from models.dit.net import VideoDit
from models.dit.speedup import compiled
from models.vae.opening import load_vae
from tasks.training.chance import happens, normal
from tasks.training.encoded import encode_windows, has_pixels
from tasks.training.objective import Batch, Loss, Windows
from tasks.training.problems import Stop
from tasks.training.prompts import prompt_of
from tasks.training.recipe import DitRecipe

BINS = 4
"""Of noise levels, for which the loss is told apart."""
MEASURED_ON = 64
"""Windows from which the deviation of each latent channel is taken."""
TOGETHER = 4
"""So many of them are read and encoded at once: all of them may be larger than the memory."""


@dataclass(frozen=True)
class Drawn:
    """What chance has settled for a batch."""

    t_B: Tensor
    noise_BCFHW: Tensor
    motion: Motion | None

    def noised(self, target_BCFHW: Tensor) -> Tensor:
        """Returns the target at its noise level."""
        return flow.noised(target_BCFHW, self.noise_BCFHW, self.t_B)


@dataclass(frozen=True)
class Predicted:
    """What the net was shown and has said."""

    batch: Batch
    drawn: Drawn
    sequence: DitInput
    velocity_BCFHW: Tensor
    """What was right: noise less target."""
    made_BCFHW: Tensor

    @property
    def noised_BF(self) -> Tensor:
        """Which latents had noise to be removed."""
        return noised_frames(self.sequence)


class DitTraining(ABC):
    """What the loop has to know of it."""

    cut: ClassVar[tuple[str, ...]]
    """Names of a batch's latents and masks, of which a square is cut out where the recipe says `crop`."""

    def __init__(self, recipe: DitRecipe, config: DitConfig):
        self.recipe, self.config = recipe, config
        self.device = torch.device("cpu")

    @cached_property
    def vae(self) -> AutoencoderKLWan:
        """For windows whose latents are not kept, and for pictures; loaded when it is first needed."""
        return load_vae(self.recipe.vae, str(self.device)).requires_grad_(False)

    @cached_property
    def _prompt_1LX(self) -> Tensor | None:
        if not self.recipe.text:
            return None
        prompt_LX = prompt_of(self.config, self.recipe.text)
        return None if prompt_LX is None else prompt_LX[None].to(self.device)

    def text(self, batch: Batch) -> Tensor | None:
        """Returns the prompt of each sample; None for a net that reads no text."""
        if "text_BLX" in batch or self._prompt_1LX is None:
            return batch.get("text_BLX")
        target = batch["target_BCFHW"]
        return self._prompt_1LX.to(target).expand(len(target), -1, -1)

    def build(self, windows: Windows, device: torch.device) -> nn.Module:
        """Returns a net as it is at first: random, or with the weights of `init`."""
        torch.manual_seed(self.recipe.seed)
        self.device = device
        net = VideoDit(self.config)
        if self.config.preconditioned:
            net.channel_scale.copy_(channel_deviations(windows, self.with_latents))
        if self.recipe.init:
            load_what_fits(net, self.recipe.init)
        return self.ready(net)

    def ready(self, net: VideoDit) -> nn.Module:
        """Returns the net where it runs, as the recipe has it run."""
        if self.recipe.recompute:
            for block in net.blocks:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        net.to(self.device)
        return compiled(net) if self.recipe.compiled else net

    def loss(self, net: nn.Module, batch: Batch, chances: list[torch.Generator]) -> Loss:
        """Returns the weighted flow-matching loss (METHOD 4), motion frames left out."""
        return self.flow_loss(self.predicted(net, batch, chances))

    def predicted(self, net: nn.Module, batch: Batch, chances: list[torch.Generator]) -> Predicted:
        """Asks the net, with all that chance has to say drawn from `chances`."""
        recipe, batch = self.recipe, self.with_latents(batch)
        t_B, left_out_B, motion_B, shift_B2 = self._drawn(chances)
        batch = cropped(batch, recipe.crop, shift_B2, self.cut)
        target = batch["target_BCFHW"]
        noise = normal(chances, *target.shape[1:]).to(target)
        motion = Motion(target[:, :, : recipe.motion], motion_B.to(target.device)) if recipe.motion else None
        drawn = Drawn(t_B.to(target.device), noise, motion)
        audio = batch["audio_BFNA"] * (~left_out_B).to(target.device)[:, None, None, None]
        sequence = self.shown({**batch, "audio_BFNA": audio}, drawn, chances)
        return Predicted(batch, drawn, sequence, flow.velocity(target, noise), net(sequence))

    @abstractmethod
    def shown(self, batch: Batch, drawn: Drawn, chances: list[torch.Generator]) -> DitInput:
        """Lays out what the net is shown."""

    def flow_loss(self, predicted: Predicted) -> Loss:
        """Returns the loss of what the net has said, and its mean in each bin of noise levels."""
        batch, recipe = predicted.batch, self.recipe
        error_BF = flow.weighted_errors(
            predicted.made_BCFHW, predicted.velocity_BCFHW, batch["face_BFHW"], batch["lips_BFHW"],
            recipe.face_weight, recipe.lips_weight,
        )  # fmt: skip
        each_B = flow.mean_of_noised(error_BF, predicted.noised_BF)
        return Loss(each_B.mean(), by_noise(each_B.detach(), predicted.drawn.t_B))

    def with_latents(self, batch: Batch) -> Batch:
        """Returns a batch of pixels as latents; one that has latents as it is."""
        return encode_windows(self.vae, batch) if has_pixels(batch) else batch

    def about(self) -> Mapping[str, Any]:
        """Returns the net's config, with which anybody can build it."""
        return {"dit": json.dumps(asdict(self.config))}

    def name_in_file(self, name: str) -> str | None:
        """Returns what a tensor of the net is called in exported weights; None where it isn't in them."""
        return name

    def notice(self, step: int, means: Mapping[str, float]) -> str:  # noqa: ARG002
        """Nothing: the loop's guards see all that has gone wrong with it so far."""
        return ""

    def _drawn(self, chances: list[torch.Generator]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noise level, whether sound is left out, whether motion frames are given, and where the crop lies."""
        recipe = self.recipe
        if recipe.times == "uniform":
            t_B = torch.cat([torch.rand(1, generator=one) for one in chances])
        else:
            t_B = torch.cat([flow.draw_times(1, recipe.alpha, one) for one in chances])
        motion_B = ~happens(chances, recipe.motion_dropped)
        return t_B, happens(chances, recipe.audio_dropped), motion_B, normal(chances, 2)


def by_noise(loss_B: Tensor, t_B: Tensor) -> Mapping[str, Tensor]:
    """Returns the mean loss of each bin of noise levels; NaN where none fell into it."""
    bin_B = (t_B * BINS).long().clamp(max=BINS - 1)
    edges = [f"{number / BINS:g}-{(number + 1) / BINS:g}" for number in range(BINS)]
    return {f"loss_t_{edge}": loss_B[bin_B == number].mean() for number, edge in enumerate(edges)}


def cropped(batch: Batch, size: int, shift_B2: Tensor, keys: tuple[str, ...]) -> Batch:
    """Cuts a square of latents round the mouth out of each sample, give or take what `shift` says."""
    height = batch["target_BCFHW"].shape[-1]
    if not 0 < size < height:
        return batch
    corner_B2 = _corners(batch["lips_BFHW"], size, shift_B2)
    cut = {
        key: torch.stack(
            [one[..., y : y + size, x : x + size] for one, (y, x) in zip(batch[key], corner_B2, strict=True)]
        )
        for key in keys
    }
    return {**batch, **cut}


def _corners(lips_BFHW: Tensor, size: int, shift_B2: Tensor) -> list[list[int]]:
    """Even, so that patches are those of the whole picture. The mouth is a little below the middle of large squares."""
    height, width = lips_BFHW.shape[-2:]
    weight_BHW = lips_BFHW.float().sum(1) + 1e-6
    total_B = weight_BHW.sum((1, 2))
    y_B = (weight_BHW.sum(2) * (torch.arange(height, device=weight_BHW.device) + 0.5)).sum(1) / total_B
    x_B = (weight_BHW.sum(1) * (torch.arange(width, device=weight_BHW.device) + 0.5)).sum(1) / total_B
    middle_B2 = torch.stack([y_B - size / 8, x_B], 1).cpu() + shift_B2 - size / 2
    most = torch.tensor([height - size, width - size])
    return ((middle_B2 / 2).round() * 2).clamp(min=torch.zeros(2), max=most).long().tolist()


def _targets(windows: Windows, numbers: Sequence[int], with_latents: Callable[[Batch], Batch]) -> Tensor:
    batch = windows.__getitems__(list(numbers))
    own = {name: batch[name] for name in ("target_BCFHW", "video_BFHWC") if name in batch}
    return with_latents(own)["target_BCFHW"].cpu()


def channel_deviations(
    windows: Windows, with_latents: Callable[[Batch], Batch] = lambda batch: batch
) -> Tensor:
    """Returns the deviation of each channel of the latents, from windows spread over all there are."""
    step = max(1, len(windows) // MEASURED_ON)
    some = list(range(0, len(windows), step))[:MEASURED_ON]
    parts = [some[first : first + TOGETHER] for first in range(0, len(some), TOGETHER)]
    z_BCFHW = torch.cat([_targets(windows, few, with_latents) for few in parts])
    z_BCFHW = z_BCFHW[z_BCFHW.flatten(1).isfinite().all(1)]  # the loop leaves the others out, and names them
    if not len(z_BCFHW):
        raise Stop("none of the windows has finite latents: look at the clips, and at what encoded them")
    return z_BCFHW.transpose(0, 1).flatten(1).std(1).clamp(min=1e-3)
