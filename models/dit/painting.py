"""Samples what the generator paints: latents of a masked clip whose face fits a sound.

B clips, C channels, F latent frames, H by W latents, N audio features of A numbers, L text tokens
of X; t is 1 for pure noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.dit import flow
from models.dit.inputs import Motion, batched, generator_input
from models.dit.net import VideoDit


@dataclass(frozen=True)
class Sampling:
    """How to sample. The defaults suit the mini generator; the paper's nets take more steps."""

    steps: int = 2
    shift: float = 6.0
    guidance: float = 3.0
    """How far to go beyond what is heard, at high noise."""
    above: float = 0.9
    """Noise level from which guidance is used; below, the net is asked once."""


@torch.no_grad()
def painted(
    net: VideoDit,
    masked_BCFHW: Tensor,
    reference_BCHW: Tensor,
    audio_BFNA: Tensor,
    noise_BCFHW: Tensor,
    sampling: Sampling,
    motion: Motion | None = None,
    prompt_LX: Tensor | None = None,
) -> Tensor:
    """Returns the latents of clips whose faces the net has painted; motion frames are kept as given."""
    silent_BFNA = torch.zeros_like(audio_BFNA)
    text_BLX = None if prompt_LX is None else prompt_LX.to(audio_BFNA).expand(len(audio_BFNA), -1, -1)

    def predict(z_BCFHW: Tensor, t: float) -> Tensor:
        t_B = torch.full((len(z_BCFHW),), t, device=z_BCFHW.device)

        def shown(sound: Tensor):
            return generator_input(z_BCFHW, masked_BCFHW, reference_BCHW, t_B, sound, text_BLX, motion)

        if sampling.guidance == 1 or t <= sampling.above:
            return net(shown(audio_BFNA))
        heard, unheard = net(batched([shown(audio_BFNA), shown(silent_BFNA)])).chunk(2)
        return unheard + sampling.guidance * (heard - unheard)

    given, kept_B = (None, None) if motion is None else (motion.latents_BCMHW, motion.kept_B)
    return flow.sample(predict, noise_BCFHW, sampling.steps, sampling.shift, given, kept_B=kept_B)
