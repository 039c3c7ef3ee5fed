"""Samples clips: noise becomes the reference with other lips, guided by what the editor sees and hears.

Latents are (B, C, F, H, W), B clips at once; A numbers a feature of the sound, N features a latent.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from models.dit.flow import audio_scale, guided, guided_by_sound, reference_scale, sample, schedule
from models.dit.inputs import DitInput, Motion, editor_input, guidance_batch
from models.dit.net import VideoDit
from models.dubbing.request import Settings
from models.dubbing.reuse import ReusedVelocities


class Edits(Protocol):
    """What can be sampled; `Networks` can."""

    @property
    def dit(self) -> nn.Module: ...

    @property
    def prompt_LX(self) -> Tensor | None: ...


@dataclass(frozen=True)
class Editor:
    """A net by itself, whatever it is wrapped in and wherever it runs: for sounds that are features already."""

    dit: nn.Module
    prompt_LX: Tensor | None = None


def edited_clip(
    parts: Edits,
    reference: Tensor,
    audio_BFNA: Tensor,
    noise: Tensor,
    settings: Settings,
    motion: Tensor | None = None,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Tensor, ReusedVelocities]:
    """Returns the latents of one clip, or of several at once, and which of the steps were computed.

    In 32 bits whatever the net runs in: thirty steps add up what rounding loses.
    """

    def predict(z: Tensor, t: float) -> Tensor:
        velocity = _velocity(parts, z, t, reference, audio_BFNA, motion, settings)
        # What is held goes nowhere, and says nothing of how well the rest can be guessed.
        velocity[:, :, : 0 if motion is None else motion.shape[2]] = 0
        return velocity

    path = ReusedVelocities(predict, schedule(settings.steps, settings.shift), settings.reuse)

    def step(z: Tensor, t: float) -> Tensor:
        velocity = path(z, t)
        tick()
        return velocity

    border = reference if settings.border else None
    with _experts_as_before(net_within(parts.dit)):
        return sample(step, noise, settings.steps, settings.shift, motion, border), path


def _velocity(
    parts: Edits,
    z: Tensor,
    t: float,
    reference: Tensor,
    audio_BFNA: Tensor,
    motion: Tensor | None,
    settings: Settings,
) -> Tensor:
    """With the expert on whose noise level it is, and guided."""
    _switch_experts(net_within(parts.dit), t)
    unseen, sound = settings.reference > 0, audio_scale(t, settings.audio)
    each = guided_velocities(parts, z, t, reference, audio_BFNA, motion, settings.batched, unseen)
    return (
        guided(each, reference_scale(t, settings.reference), sound)
        if unseen
        else guided_by_sound(each, sound)
    )


def guided_velocities(
    parts: Edits,
    z: Tensor,
    t: float,
    reference: Tensor,
    audio_BFNA: Tensor,
    motion: Tensor | None,
    batched: bool,
    unseen: bool = True,
) -> Tensor:
    """Returns the velocities at time t with nothing (if `unseen`), with the reference, and with reference and sound."""
    whole = guidance_input(parts, z, t, reference, audio_BFNA, motion, unseen)
    if batched:
        return parts.dit(whole).to(z)
    starts = range(0, len(whole.times_B3), len(z))
    return torch.cat([parts.dit(_only(whole, slice(start, start + len(z)))).to(z) for start in starts])


def guidance_input(
    parts: Edits,
    z: Tensor,
    t: float,
    reference: Tensor,
    audio_BFNA: Tensor,
    motion: Tensor | None,
    unseen: bool = True,
) -> DitInput:
    """Lays out what the net is shown at time t: each clip three times for guidance, or twice."""
    kind, over = next(parts.dit.parameters()), net_within(parts.dit).config.stacked == 2
    prompt_LX = parts.prompt_LX
    text_BLX = None if prompt_LX is None else prompt_LX.to(kind).expand(len(z), -1, -1)
    given = None if motion is None else Motion(motion.to(kind))
    times_B = torch.full((len(z),), t, device=kind.device)

    def make(seen: Tensor, heard_BFNA: Tensor) -> DitInput:
        return editor_input(z.to(kind), seen, times_B, heard_BFNA, text_BLX, given, over)

    return guidance_batch(make, reference.to(kind), audio_BFNA.to(kind), unseen)


def net_within(net: nn.Module) -> VideoDit:
    """Returns the net itself, of one that autocast or DeepSpeed has wrapped."""
    return next(module for module in net.modules() if isinstance(module, VideoDit))


@contextmanager
def _experts_as_before(dit: VideoDit) -> Iterator[None]:
    """Of a net that has some. Those of nets that have none need not wait for peft to be imported."""
    if not hasattr(dit, "peft_config"):
        yield
        return
    from models.dit import experts

    with experts.as_before(dit):
        yield


def _switch_experts(dit: VideoDit, t: float) -> None:
    if hasattr(dit, "peft_config"):
        from models.dit import experts

        experts.switch_at(dit, t)


def _only(sequence: DitInput, here: slice) -> DitInput:
    audio, text = sequence.audio_BFNA, sequence.text_BLX
    return replace(
        sequence,
        latents_BCFHW=sequence.latents_BCFHW[here],
        times_B3=sequence.times_B3[here],
        audio_BFNA=None if audio is None else audio[here],
        text_BLX=None if text is None else text[here],
    )
