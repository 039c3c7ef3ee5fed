"""Lays latents, sound and text out as one input of the DiT; pure functions.

The generator sees a masked clip and one frame of the same person, the editor the whole companion video. Both may be
given the clip's first latents clean ("motion frames"), so that segments join. METHOD's words: z_t is noised, t is 1
for pure noise and 0 for what is clean. B clips, C channels, F latent frames, M motion frames, H by W latents,
N audio features of A numbers a latent frame, L text tokens of X numbers; one time for each of the three stretches
[reference | motion | target].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MOTION = 2
"""Latents that stay clean: five frames of video."""


@dataclass(frozen=True)
class DitInput:
    """What one forward pass is shown. Reference frames come first, and everything within a stretch shares its time."""

    latents_BCFHW: Tensor
    frames: tuple[int, int, int]
    """Latent frames of reference, motion and target: together F. Only the last two are predicted."""
    times_B3: Tensor
    audio_BFNA: Tensor | None
    """For motion and target; none switches audio cross-attention off."""
    text_BLX: Tensor | None = None
    heard_B: Tensor | None = None
    """Clips for which audio cross-attention is on (half of the texture phase's samples); none: all."""


@dataclass(frozen=True)
class Motion:
    """Clean latents of what was before; clips that are not `kept` (half of them, in training) go without."""

    latents_BCMHW: Tensor
    kept_B: Tensor | None = None


def generator_input(
    noised_BCFHW: Tensor,
    masked_BCFHW: Tensor,
    reference_BCHW: Tensor,
    times_B: Tensor,
    audio_BFNA: Tensor | None,
    text_BLX: Tensor | None = None,
    motion: Motion | None = None,
    checked: bool = True,
) -> DitInput:
    """Lays out what the generator sees (section 3.1.1).

    Frame-concat(channel-concat[z_mask, z_t], channel-concat[0, z_ref]).

    A sequence has its reference first, here as in the editor's; attention does not mind the order, and RoPE puts
    the frame at time 0, where the paper says it is anchored (B.3), beside the picture rather than over it.

    A training has it not `checked`: it must not wait for a GPU at each step, and knows NaN by the gradient.
    """
    _same_shape("the masked clip", masked_BCFHW, noised_BCFHW)
    _same_shape("the reference frame", reference_BCHW, noised_BCFHW[:, :, 0])
    noised_BCFHW = _with_motion(noised_BCFHW, motion)
    target = torch.cat([masked_BCFHW, noised_BCFHW], 1)
    reference = torch.cat([torch.zeros_like(reference_BCHW), reference_BCHW], 1)[:, :, None]
    return _laid_out(reference, target, times_B, audio_BFNA, text_BLX, motion, checked)


def editor_input(
    noised_BCFHW: Tensor,
    companion_BCFHW: Tensor,
    times_B: Tensor,
    audio_BFNA: Tensor | None,
    text_BLX: Tensor | None = None,
    motion: Motion | None = None,
    over: bool = False,
    checked: bool = True,
) -> DitInput:
    """Lays out what the editor sees: Frame-concat(z_ref, z_t) (section 3.2). RoPE gives each pair of frames one time.

    `over` is the paper's ablation (Table 5), channel-concat[z_ref, z_t], for nets that take two latents over one
    another: half the tokens, and lips that follow less.
    """
    _same_shape("the companion", companion_BCFHW, noised_BCFHW)
    noised_BCFHW = _with_motion(noised_BCFHW, motion)
    reference_BCFHW = companion_BCFHW
    if over:
        noised_BCFHW = torch.cat([companion_BCFHW, noised_BCFHW], 1)
        reference_BCFHW = noised_BCFHW[:, :, :0]
    return _laid_out(reference_BCFHW, noised_BCFHW, times_B, audio_BFNA, text_BLX, motion, checked)


def guidance_batch(
    make: Callable[[Tensor, Tensor], DitInput], reference: Tensor, audio: Tensor, unseen: bool = True
) -> DitInput:
    """Lays out one batch for guidance (`flow.guided`): with nothing, with the reference, with reference and sound.

    `make` lays out a sequence from these two. A null is zero latents and zero features. Without `unseen` the first of
    the three is left out, which nets that always saw a reference have not learnt (`flow.guided_by_sound`).
    """
    no_reference, no_audio = torch.zeros_like(reference), torch.zeros_like(audio)
    seen = [make(reference, no_audio), make(reference, audio)]
    return batched([make(no_reference, no_audio), *seen] if unseen else seen)


def batched(sequences: Sequence[DitInput]) -> DitInput:
    """Joins batches that are laid out alike into one."""
    first = sequences[0]
    assert all(other.frames == first.frames for other in sequences)
    return DitInput(
        torch.cat([one.latents_BCFHW for one in sequences]),
        first.frames,
        torch.cat([one.times_B3 for one in sequences]),
        _maybe_cat([one.audio_BFNA for one in sequences]),
        _maybe_cat([one.text_BLX for one in sequences]),
        _maybe_cat([one.heard_B for one in sequences]),
    )


def grey_where_masked(video_BCFHW: Tensor, inpaint_BFHW: Tensor) -> Tensor:
    """Paints a video grey (0 of -1..1) where `inpaint` is true.

    It has to happen before the VAE, which spreads what it sees.
    """
    return torch.where(inpaint_BFHW[:, None], torch.zeros_like(video_BCFHW), video_BCFHW)


def noised_frames(sequence: DitInput) -> Tensor:
    """Returns for motion and target, (B, F), whether the net had noise to remove there, and the loss counts."""
    return of_each_frame(sequence.times_B3[:, 1:] > 0, sequence.frames[1:])


def of_each_frame(values_BS: Tensor, frames: Sequence[int]) -> Tensor:
    """Returns what stretches of so many frames share, for each of their frames, (B, F); no GPU is waited for."""
    parts = zip(values_BS.unbind(1), frames, strict=True)
    return torch.cat([value_B[:, None].expand(-1, count) for value_B, count in parts], 1)


def _with_motion(noised_BCFHW: Tensor, motion: Motion | None) -> Tensor:
    if motion is None:
        return noised_BCFHW
    count = motion.latents_BCMHW.shape[2]
    if not 0 < count < noised_BCFHW.shape[2]:
        raise ValueError(
            f"{count} motion frames of {noised_BCFHW.shape[2]} leave nothing to dub; give {MOTION}"
        )
    start = noised_BCFHW[:, :, :count]
    _same_shape("the motion frames", motion.latents_BCMHW, start)
    kept_B1111 = _kept(motion)[:, None, None, None, None]
    start = torch.where(kept_B1111, motion.latents_BCMHW, start)
    return torch.cat([start, noised_BCFHW[:, :, count:]], 2)


def _kept(motion: Motion) -> Tensor:
    batch, device = len(motion.latents_BCMHW), motion.latents_BCMHW.device
    return torch.ones(batch, dtype=torch.bool, device=device) if motion.kept_B is None else motion.kept_B


def _laid_out(
    reference_BCFHW: Tensor,
    target_BCFHW: Tensor,
    times_B: Tensor,
    audio_BFNA: Tensor | None,
    text_BLX: Tensor | None,
    motion: Motion | None,
    checked: bool = True,
) -> DitInput:
    count = motion.latents_BCMHW.shape[2] if motion else 0
    zeros_B = torch.zeros_like(times_B)
    motion_B = torch.where(_kept(motion), zeros_B, times_B) if motion else zeros_B
    sequence = DitInput(
        torch.cat([reference_BCFHW, target_BCFHW], 2),
        (reference_BCFHW.shape[2], count, target_BCFHW.shape[2] - count),
        torch.stack([zeros_B, motion_B, times_B], 1),
        audio_BFNA,
        text_BLX,
    )
    if checked:
        _check_numbers(sequence)
    return sequence


def _check_numbers(sequence: DitInput) -> None:
    """Here and not in the net, which has to run without waiting for the GPU."""
    times_B3 = sequence.times_B3
    if len(times_B3) != len(sequence.latents_BCFHW):
        raise ValueError(f"{len(times_B3)} times for {len(sequence.latents_BCFHW)} clips; give one each")
    if not ((times_B3 >= 0) & (times_B3 <= 1)).all():
        raise ValueError(f"times run from 0 (clean) to 1 (noise), not {times_B3[:, 2].tolist()}")
    for name, numbers in (
        ("latents", sequence.latents_BCFHW),
        ("audio features", sequence.audio_BFNA),
        ("text", sequence.text_BLX),
    ):
        if numbers is not None and not numbers.isfinite().all():
            raise ValueError(f"the {name} hold NaN or infinite numbers; look at what encoded them")


def _same_shape(name: str, given: Tensor, wanted: Tensor) -> None:
    if given.shape != wanted.shape:
        raise ValueError(
            f"{name} is {tuple(given.shape)}, and has to be {tuple(wanted.shape)} like the noised clip"
        )


def _maybe_cat(tensors: list[Tensor | None]) -> Tensor | None:
    given = [tensor for tensor in tensors if tensor is not None]
    assert len(given) in (0, len(tensors)), "some have it and some have not"
    return torch.cat(given) if given else None
