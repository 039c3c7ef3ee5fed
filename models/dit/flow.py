"""Flow matching and sampling: pure functions, each with the equation it stands for.

t runs from 0 (clean) to 1 (noise); v is the velocity eps - z0. Equations (n) are the paper's; those without a number
are the public checkpoint's. B clips, C channels, F latent frames, H by W latents.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

ALPHA = {"structure": 4.0, "lip": 1.5, "texture": 0.25}
"""Where each phase of the editor's training puts its noise levels."""
EXPERTS = {"texture": (0.0, 0.3), "lip": (0.4, 0.6)}
"""Between which noise levels each LoRA expert is on; the bounds themselves are outside."""
LATEST_TIME = 0.6
"""t_thres of (11)."""
STEPS, SHIFT = 30, 5.0
NOISIEST_BORDER = 0.95


def shifted(t: Tensor, alpha: float) -> Tensor:
    """Moves noise levels towards 1, by (2): alpha t / (1 + (alpha - 1) t)."""
    return alpha * t / (1 + (alpha - 1) * t)


def draw_times(count: int, alpha: float, generator: torch.Generator) -> Tensor:
    """Draws noise levels (B,) for training: logit-normal, then (2).

    The generator must differ between ranks, or all of them learn one t a step.
    """
    normal_B = torch.randn(count, generator=generator, device=generator.device)
    return shifted(normal_B.sigmoid(), alpha)


def noised(z0_BCFHW: Tensor, noise_BCFHW: Tensor, t_B: Tensor) -> Tensor:
    """Mixes latents with noise, by (4): z_t = (1 - t) z0 + t eps."""
    t_B1111 = _wide(t_B)
    return (1 - t_B1111) * z0_BCFHW + t_B1111 * noise_BCFHW


def velocity(z0_BCFHW: Tensor, noise_BCFHW: Tensor) -> Tensor:
    """Returns what the net learns to predict, below (4): v = eps - z0."""
    return noise_BCFHW - z0_BCFHW


def weighted_errors(
    predicted_BCFHW: Tensor,
    velocity_BCFHW: Tensor,
    face_BFHW: Tensor,
    lips_BFHW: Tensor,
    face_weight: float = 0.3,
    lips_weight: float = 0.3,
) -> Tensor:
    """Returns of (1), (1 + l M + l_lip M_lip) |v - v^|^2, each frame's mean, (B, F), in 32 bits."""
    weight_BFHW = 1 + face_weight * face_BFHW + lips_weight * lips_BFHW
    error_BFHW = (predicted_BCFHW - velocity_BCFHW).float().square().mean(1) * weight_BFHW
    return error_BFHW.mean((2, 3))


def mean_of_noised(error_BF: Tensor, noised_BF: Tensor) -> Tensor:
    """Returns each clip's mean over the frames that were noised (`inputs.noised_frames`), (B).

    Motion frames are left out: what is clean says nothing of its noise.
    """
    return (error_BF * noised_BF).sum(1) / noised_BF.sum(1)


def single_step(z0_BCFHW: Tensor, velocity_BCFHW: Tensor, predicted_BCFHW: Tensor, t_B: Tensor) -> Tensor:
    """Guesses the clean latents from one prediction, (11) before its decoder: z0 + (v - v^) min(t, 0.6).

    The net itself is given t as it is.
    """
    return z0_BCFHW + (velocity_BCFHW - predicted_BCFHW) * _wide(t_B.clamp(max=LATEST_TIME))


def expert_at(t: float) -> str | None:
    """Returns which LoRA expert is on while sampling at t, or None."""
    return next((name for name, (low, high) in EXPERTS.items() if low < t < high), None)


def schedule(steps: int = STEPS, shift: float = SHIFT) -> list[float]:
    """Returns the noise levels of sampling from 1 to 0, spaced evenly and then by (2): one more than there are steps."""
    if steps < 1:
        raise ValueError(f"sampling takes one step or more, not {steps}")
    return shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift).tolist()


def sample(
    predict: Callable[[Tensor, float], Tensor],
    noise_BCFHW: Tensor,
    steps: int = STEPS,
    shift: float = SHIFT,
    motion_BCMHW: Tensor | None = None,
    border_BCFHW: Tensor | None = None,
    kept_B: Tensor | None = None,
) -> Tensor:
    """Samples by Euler's method: z <- z + (t' - t) v^(z, t).

    `predict` is the net with its conditions and its guidance.

    Motion frames stay as they are given, in the clips that are `kept` (all, if nothing is said). With a `border` (the
    reference's latents) each frame's outermost ring follows that clip, at the noise of the moment, so that the
    background holds still.
    """
    z = noise_BCFHW
    for t, after in pairwise(schedule(steps, shift)):
        noisy = min(t, NOISIEST_BORDER)
        z = with_border_and_motion(z, noise_BCFHW, motion_BCMHW, border_BCFHW, noisy, kept_B)
        z = z + (after - t) * predict(z, t)
    return with_border_and_motion(z, noise_BCFHW, motion_BCMHW, border_BCFHW, 0.0, kept_B)


def with_border_and_motion(
    z_BCFHW: Tensor,
    noise_BCFHW: Tensor,
    motion_BCMHW: Tensor | None,
    border_BCFHW: Tensor | None,
    t: float,
    kept_B: Tensor | None = None,
) -> Tensor:
    """Returns z with its border at noise level t, and its motion frames clean."""
    if border_BCFHW is not None:
        around = (1 - t) * border_BCFHW + t * noise_BCFHW
        z_BCFHW = torch.where(_ring(z_BCFHW), around, z_BCFHW)
    if motion_BCMHW is not None:
        count = motion_BCMHW.shape[2]
        if kept_B is not None:
            motion_BCMHW = torch.where(_wide(kept_B), motion_BCMHW, z_BCFHW[:, :, :count])
        z_BCFHW = torch.cat([motion_BCMHW, z_BCFHW[:, :, count:]], 2)
    return z_BCFHW


def _ring(z_BCFHW: Tensor) -> Tensor:
    """(H, W): true on the outermost latents."""
    ring_HW = torch.ones(z_BCFHW.shape[-2:], dtype=torch.bool, device=z_BCFHW.device)
    ring_HW[1:-1, 1:-1] = False
    return ring_HW


def guided(of_three_BCFHW: Tensor, reference: float, audio: float) -> Tensor:
    """Combines the three predictions of `inputs.guidance_batch`: v = v0 + s_r (v_r - v0) + s_a (v_ra - v_r)."""
    none, seen, heard = of_three_BCFHW.chunk(3)
    return none + reference * (seen - none) + audio * (heard - seen)


def guided_by_sound(of_two_BCFHW: Tensor, audio: float) -> Tensor:
    """Combines the predictions with reference, and with reference and sound: v = v_r + s_a (v_ra - v_r)."""
    seen, heard = of_two_BCFHW.chunk(2)
    return seen + audio * (heard - seen)


def reference_scale(t: float, scale: float = 2.5) -> float:
    """Returns s_r(t): 1, then 0.6, then 0.3 of the scale, with cosine blends of width 0.1 at t = 0.8 and t = 0.4."""
    return scale * (1 - 0.4 * _blend(t, 0.8) - 0.3 * _blend(t, 0.4))


def audio_scale(t: float, scale: float = 10.0) -> float:
    """Returns s_a t^1.5."""
    return scale * t**1.5


def _blend(t: float, middle: float, width: float = 0.1) -> float:
    """0 above, 1 below."""
    along = min(max((middle + width / 2 - t) / width, 0), 1)
    return (1 - math.cos(math.pi * along)) / 2


def _wide(t_B: Tensor) -> Tensor:
    return t_B[:, None, None, None, None]
