"""Scales what a net sees and predicts, channel by channel, so that it need not carry the noise itself.

A latent channel of deviation s is, at noise level t, of variance n = ((1-t) s)^2 + t^2. Of the velocity
v = eps - z0 the best guess without looking at anything else is (t - (1-t) s^2) / n z_t; the net is left with the
rest, whose deviation is s / sqrt(n): v = c_skip z_t + c_out F (after Karras et al. 2022, equation 7, for the
velocity). Inputs are scaled to the variance they would have if s were 1; what is clean is divided by s.

B clips, C channels, F latent frames, H by W latents.
"""

import torch
from torch import Tensor

from models.dit.inputs import DitInput, of_each_frame


def scaled_inputs(sequence: DitInput, scale_C: Tensor) -> Tensor:
    """Returns a sequence's latents as the net should see them; where two lie over one another, the first is clean."""
    x_BCFHW, t_BF = sequence.latents_BCFHW, times_of_frames(sequence)
    channels, clean = len(scale_C), x_BCFHW.shape[1] - len(scale_C)
    t_B1F11, s = t_BF[:, None, :, None, None], scale_C.view(1, -1, 1, 1, 1)
    noised = x_BCFHW[:, clean:] * (_variance(t_B1F11, torch.ones_like(s)) / _variance(t_B1F11, s)).sqrt()
    if not clean:
        return noised.to(x_BCFHW.dtype)
    assert clean == channels, "one clean latent lies over the noised one"
    return torch.cat([x_BCFHW[:, :clean] / s, noised], 1).to(x_BCFHW.dtype)


def velocity_from(sequence: DitInput, predicted_BCFHW: Tensor, scale_C: Tensor) -> Tensor:
    """Returns the velocity of motion and target frames from what the net predicted for them."""
    shown = sequence.frames[0]
    noised_BCFHW = sequence.latents_BCFHW[:, -len(scale_C) :, shown:]
    t_B1F11, s = times_of_frames(sequence)[:, None, shown:, None, None], scale_C.view(1, -1, 1, 1, 1)
    variance = _variance(t_B1F11, s)
    skip = (t_B1F11 - (1 - t_B1F11) * s.square()) / variance
    return (skip * noised_BCFHW + s * variance.rsqrt() * predicted_BCFHW).to(predicted_BCFHW.dtype)


def times_of_frames(sequence: DitInput) -> Tensor:
    """Returns the noise level of each latent frame, (B, F), in 32 bits at least."""
    times_B3 = sequence.times_B3.to(torch.promote_types(sequence.times_B3.dtype, torch.float32))
    return of_each_frame(times_B3, sequence.frames)


def _variance(t: Tensor, s: Tensor) -> Tensor:
    return ((1 - t) * s).square() + t.square()
