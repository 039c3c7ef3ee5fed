"""Samples one clip: noise becomes the reference with other lips, guided by what the editor sees and hears.

Latents are (1, C, F, H, W); A numbers a feature of the sound, N features a latent.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from models.dit.flow import audio_scale, guided, reference_scale, sample, schedule
from models.dit.inputs import DitInput, Motion, editor_input, guidance_batch
from models.dit.net import VideoDit
from models.dubbing.request import Networks, Settings
from models.dubbing.reuse import ReusedVelocities


def edited_clip(
    parts: Networks,
    reference: Tensor,
    audio_1FNA: Tensor,
    noise: Tensor,
    settings: Settings,
    motion: Tensor | None = None,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Tensor, ReusedVelocities]:
    """Returns the latents of one clip, and which of its steps were computed.

    In 32 bits whatever the net runs in: thirty steps add up what rounding loses.
    """

    def predict(z: Tensor, t: float) -> Tensor:
        _switch_experts(parts.dit, t)
        three = guided_velocities(parts, z, t, reference, audio_1FNA, motion, settings.batched)
        velocity = guided(three, reference_scale(t, settings.reference), audio_scale(t, settings.audio))
        # What is held goes nowhere, and says nothing of how well the rest can be guessed.
        velocity[:, :, : 0 if motion is None else motion.shape[2]] = 0
        return velocity

    path = ReusedVelocities(predict, schedule(settings.steps, settings.shift), settings.reuse)

    def step(z: Tensor, t: float) -> Tensor:
        velocity = path(z, t)
        tick()
        return velocity

    border = reference if settings.border else None
    z = sample(step, noise, settings.steps, settings.shift, motion, border)
    _switch_experts(parts.dit, 1)
    return z, path


def guided_velocities(
    parts: Networks,
    z: Tensor,
    t: float,
    reference: Tensor,
    audio_1FNA: Tensor,
    motion: Tensor | None,
    batched: bool,
) -> Tensor:
    """Returns the velocities at time t with nothing, with the reference, and with reference and sound."""
    three = guidance_input(parts, z, t, reference, audio_1FNA, motion)
    if batched:
        return parts.dit(three).to(z)
    return torch.cat([parts.dit(_only(three, one)).to(z) for one in range(3)])


def guidance_input(
    parts: Networks, z: Tensor, t: float, reference: Tensor, audio_1FNA: Tensor, motion: Tensor | None
) -> DitInput:
    """Lays out what the net is shown at time t: three clips, for guidance."""
    kind = next(parts.dit.parameters())
    prompt_LX = parts.prompt_LX
    text_1LX = None if prompt_LX is None else prompt_LX[None].to(kind)
    given = None if motion is None else Motion(motion.to(kind))
    times_1 = torch.tensor([t], device=kind.device)

    def make(seen: Tensor, heard_1FNA: Tensor) -> DitInput:
        return editor_input(z.to(kind), seen, times_1, heard_1FNA, text_1LX, given)

    return guidance_batch(make, reference.to(kind), audio_1FNA.to(kind))


def _switch_experts(dit: VideoDit, t: float) -> None:
    """Of a net that has some. Those of nets that have none need not wait for peft to be imported."""
    if hasattr(dit, "peft_config"):
        from models.dit import experts

        experts.switch_at(dit, t)


def _only(sequence: DitInput, one: int) -> DitInput:
    audio, text, here = sequence.audio_BFNA, sequence.text_BLX, slice(one, one + 1)
    return DitInput(
        sequence.latents_BCFHW[here],
        sequence.frames,
        sequence.times_B3[here],
        None if audio is None else audio[here],
        None if text is None else text[here],
    )
