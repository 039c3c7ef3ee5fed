"""The video DiT: noised latents in, the velocity that cleans them out. Generator and editor differ in what they see.

Wan's transformer (2025) with audio cross-attention, and, where asked for, the paper's 2D attention before the 3D
one. Names of parameters are those of the public X-Dub checkpoint, so loading maps nothing. Times enter as one row
for each stretch of tokens [reference | motion | target] that shares them, never as a row for each token.

B clips, F latent frames, H by W latents of C channels; T tokens of D numbers; S stretches; R rows that modulate a
block; N audio tokens a latent frame; L text tokens; d numbers a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, rms_norm, scaled_dot_product_attention

from models.dit.audio import audio_embedding
from models.dit.config import DitConfig, check_shapes
from models.dit.inputs import DitInput
from models.dit.precondition import scaled_inputs, velocity_from
from models.dit.rope import rotated, rotations

TIMES_TO = 1000
"""Times 0..1 become 0..1000 before the sinusoid, as Wan learnt them."""


@dataclass(frozen=True)
class BlockContext:
    """What every block needs beside the tokens."""

    lengths: tuple[int, ...]
    """Tokens of each stretch; none is empty."""
    reference: int
    """Tokens of reference, which hear and read nothing."""
    frame: int
    """Tokens a frame."""
    rotation_Tc2: Tensor
    text_BLD: Tensor | None
    audio_VND: Tensor | None
    """V = B * F: each latent frame hears its own window."""
    heard_B11: Tensor | None = None
    """1 for clips that attend to sound, else 0; none: all do."""


class VideoDit(nn.Module):
    """The network, of any size."""

    channel_scale: Tensor
    """(C): the deviation of each channel of the latents it learnt on; there in preconditioned nets."""

    def __init__(self, config: DitConfig):
        super().__init__()
        self.config, dim, patch = config, config.dim, (1, config.patch, config.patch)
        if config.preconditioned:
            self.register_buffer("channel_scale", torch.ones(config.channels))
        self.patch_embedding = nn.Conv3d(config.stacked * config.channels, dim, patch, patch)
        if config.text:
            self.text_embedding = nn.Sequential(
                nn.Linear(config.text, dim), nn.GELU("tanh"), nn.Linear(dim, dim)
            )
        self.time_embedding = nn.Sequential(
            nn.Linear(config.frequencies, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, config.rows * dim))
        self.audio_embedding = audio_embedding(config.audio, dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = Head(dim, config.patch**2 * config.channels, config.eps)

    def forward(self, sequence: DitInput) -> Tensor:
        """Returns the velocity of the motion and target frames, (B, C, F, H, W)."""
        check_shapes(sequence, self.config)
        latents_BCFHW = sequence.latents_BCFHW
        if self.config.preconditioned:
            latents_BCFHW = scaled_inputs(sequence, self.channel_scale)
        x_BDFHW = self.patch_embedding(latents_BCFHW)
        frames, rows, columns = x_BDFHW.shape[2:]
        context = self._context(sequence, rows, columns, x_BDFHW.dtype)
        times_BSD = self.time_embedding(self._time_features(sequence).to(x_BDFHW.dtype))
        rows_BSRD = self.time_projection(times_BSD).unflatten(2, (self.config.rows, -1))
        # Laid out as the blocks' results are, or the first block would be compiled for itself.
        x_BTD = x_BDFHW.flatten(2).transpose(1, 2).contiguous()
        for block in self.blocks:
            x_BTD = block(x_BTD, rows_BSRD, context)
        shown = 1 if context.reference else 0
        x_BTP = self.head(x_BTD[:, context.reference :], times_BSD[:, shown:], context.lengths[shown:])
        made_BCFHW = self.unpatched(x_BTP, frames - sequence.frames[0], rows, columns)
        return (
            velocity_from(sequence, made_BCFHW, self.channel_scale)
            if self.config.preconditioned
            else made_BCFHW
        )

    def reset_parameters(self) -> None:
        """Scales no channel; a training measures its own latents' (parameters are the layers' own)."""
        if self.config.preconditioned:
            nn.init.ones_(self.channel_scale)

    def _context(self, sequence: DitInput, rows: int, columns: int, dtype: torch.dtype) -> BlockContext:
        config, (reference, motion, target), frame = self.config, sequence.frames, rows * columns
        grid = (reference, motion + target, rows, columns, config.reference_shift)
        text = sequence.text_BLX
        if text is not None:  # without a mask: Wan reads its padding, too
            text = self.text_embedding(pad(text, (0, 0, 0, config.text_tokens - text.shape[1])))
        audio = sequence.audio_BFNA
        return BlockContext(
            tuple(frame * count for count in sequence.frames if count),
            frame * reference,
            frame,
            rotations(config.dim // config.heads, *grid, dtype, sequence.latents_BCFHW.device),
            text,
            None if audio is None else self.audio_embedding(audio).flatten(0, 1),
            None if sequence.heard_B is None else sequence.heard_B[:, None, None].to(dtype),
        )

    def _time_features(self, sequence: DitInput) -> Tensor:
        """(B, S, frequencies), for the stretches that are not empty."""
        present = [sequence.times_B3[:, place] for place, count in enumerate(sequence.frames) if count]
        ticks_BS = torch.stack(present, 1).double() * TIMES_TO
        if self.config.coarse_clock:
            ticks_BS = ticks_BS.bfloat16().double()
        half = self.config.frequencies // 2
        turns = 10000.0 ** -(torch.arange(half, dtype=torch.float64, device=ticks_BS.device) / half)
        angles = ticks_BS[..., None] * turns
        return torch.cat([angles.cos(), angles.sin()], -1)

    def unpatched(self, x_BTP: Tensor, frames: int, rows: int, columns: int) -> Tensor:
        """A token holds its patch row by row, channels last."""
        side = self.config.patch
        x_BFHWyxC = x_BTP.unflatten(2, (side, side, -1)).unflatten(1, (frames, rows, columns))
        return x_BFHWyxC.permute(0, 6, 1, 2, 4, 3, 5).flatten(5).flatten(3, 4)


class Block(nn.Module):
    """One block. Text and sound are added ungated; reference tokens attend to neither."""

    def __init__(self, config: DitConfig):
        super().__init__()
        dim, heads, eps = config.dim, config.heads, config.eps
        self.modulation = nn.Parameter(torch.empty(1, config.rows, dim))
        if config.spatial:
            self.norm0 = nn.LayerNorm(dim, eps, elementwise_affine=False)
            self.spatial_attn = Attention(dim, heads, eps)
        self.norm1 = nn.LayerNorm(dim, eps, elementwise_affine=False)
        self.self_attn = Attention(dim, heads, eps)
        if config.text:
            self.norm3 = nn.LayerNorm(dim, eps)
            self.cross_attn = Attention(dim, heads, eps)
        self.norm4 = nn.LayerNorm(dim, eps)
        self.audio_attn = Attention(dim, heads, eps, starts_at_zero=True)
        self.norm2 = nn.LayerNorm(dim, eps, elementwise_affine=False)
        self.ffn = nn.Sequential(nn.Linear(dim, config.ffn), nn.GELU("tanh"), nn.Linear(config.ffn, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.modulation, std=self.modulation.shape[-1] ** -0.5)

    def forward(self, x_BTD: Tensor, rows_BSRD: Tensor, context: BlockContext) -> Tensor:
        rows = (self.modulation[:, None] + rows_BSRD).unbind(2)
        if len(rows) > 6:
            x_BTD = self._within_frames(x_BTD, rows[6:], context)
        seen = modulated(self.norm1(x_BTD), rows[0], rows[1], context.lengths)
        x_BTD = gated(x_BTD, self.self_attn(seen, seen, context.rotation_Tc2), rows[2], context.lengths)
        x_BTD = self._with_text_and_sound(x_BTD, context)
        seen = modulated(self.norm2(x_BTD), rows[3], rows[4], context.lengths)
        return gated(x_BTD, self.ffn(seen), rows[5], context.lengths)

    def _within_frames(self, x_BTD: Tensor, rows: Sequence[Tensor], context: BlockContext) -> Tensor:
        """All frames turn as the last one does: within one, only differences of rows and columns matter."""
        seen = modulated(self.norm0(x_BTD), rows[0], rows[1], context.lengths)
        seen_VHD = seen.unflatten(1, (-1, context.frame)).flatten(0, 1)
        found_VHD = self.spatial_attn(seen_VHD, seen_VHD, context.rotation_Tc2[-context.frame :])
        return gated(x_BTD, found_VHD.view_as(x_BTD), rows[2], context.lengths)

    def _with_text_and_sound(self, x_BTD: Tensor, context: BlockContext) -> Tensor:
        target = x_BTD[:, context.reference :]
        if context.text_BLD is not None:
            target = target + self.cross_attn(self.norm3(target), context.text_BLD)
        if context.audio_VND is not None:
            frames = self.norm4(target).unflatten(1, (-1, context.frame)).flatten(0, 1)
            heard = self.audio_attn(frames, context.audio_VND).view_as(target)
            target = target + (heard if context.heard_B11 is None else context.heard_B11 * heard)
        return torch.cat([x_BTD[:, : context.reference], target], 1)


class Attention(nn.Module):
    """Attention whose queries and keys are normed over their whole width, as in Wan.

    `starts_at_zero`: it adds nothing before it has learnt.
    """

    def __init__(self, dim: int, heads: int, eps: float, starts_at_zero: bool = False):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.o = ZeroLinear(dim, dim) if starts_at_zero else nn.Linear(dim, dim)
        self.norm_q, self.norm_k = RMSNorm(dim, eps), RMSNorm(dim, eps)

    def forward(self, x_BTD: Tensor, seen_BLD: Tensor, rotation_Tc2: Tensor | None = None) -> Tensor:
        q, k, v = self.projected(x_BTD, seen_BLD)
        q, k, v = (t.unflatten(-1, (self.heads, -1)) for t in (self.norm_q(q), self.norm_k(k), v))
        if rotation_Tc2 is not None:
            q, k = rotated(q, rotation_Tc2), rotated(k, rotation_Tc2)
        found = scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.o(found.transpose(1, 2).flatten(2))

    def projected(self, x_BTD: Tensor, seen_BLD: Tensor) -> Sequence[Tensor]:
        """Returns queries, keys and values."""
        return self.q(x_BTD), self.k(seen_BLD), self.v(seen_BLD)


class RMSNorm(nn.RMSNorm):
    """Norms in the activations' type: under autocast those are narrower than the weight, which no fused kernel takes."""

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Head(nn.Module):
    """Turns tokens into patches of velocity."""

    def __init__(self, dim: int, outputs: int, eps: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps, elementwise_affine=False)
        self.modulation = nn.Parameter(torch.empty(1, 2, dim))
        self.head = ZeroLinear(dim, outputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.modulation, std=self.modulation.shape[-1] ** -0.5)

    def forward(self, x_BTD: Tensor, times_BSD: Tensor, lengths: tuple[int, ...]) -> Tensor:
        shift_BSD, scale_BSD = (self.modulation[:, None] + times_BSD[:, :, None]).unbind(2)
        return self.head(modulated(self.norm(x_BTD), shift_BSD, scale_BSD, lengths))


class ZeroLinear(nn.Linear):
    """Is zero at first: a net starts at velocity 0, and one that learns to hear starts as the net it was."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


def modulated(x_BTD: Tensor, shift_BSD: Tensor, scale_BSD: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Scales and shifts each stretch of tokens by its own row (AdaLN)."""
    parts = enumerate(x_BTD.split(lengths, 1))
    return torch.cat([part * (1 + scale_BSD[:, s, None]) + shift_BSD[:, s, None] for s, part in parts], 1)


def gated(x_BTD: Tensor, added_BTD: Tensor, gate_BSD: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Adds to each stretch of tokens through its own gate."""
    parts = enumerate(zip(x_BTD.split(lengths, 1), added_BTD.split(lengths, 1), strict=True))
    return torch.cat([part + gate_BSD[:, s, None] * added for s, (part, added) in parts], 1)
