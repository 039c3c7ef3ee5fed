"""Runs the layers of the Wan VAEs as functions of what they see: no layer remembers anything.

A convolution over time and space is done as one over space whose channels are the frames it looks at, which
PyTorch's CPU kernels do four to eight times quicker than the 3D one. Time comes before channels here
(x_BTCHW), so that frames are pictures in a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanAttentionBlock,
    WanCausalConv3d,
    WanMidBlock,
    WanResample,
    WanResidualBlock,
    WanResidualDownBlock,
    WanResidualUpBlock,
    WanRMS_norm,
    WanUpBlock,
)
from torch import Tensor, nn

from models.vae.gradients import flat, normed_and_bent, over_space, over_three
from models.vae.layout import joined


@dataclass
class Run:
    """One run of neighbouring frames through the layers, made for it and gone after it."""

    trunk_only: bool = False
    """Leaves out residual branches and attention: what is left is nearly linear (models/mini/vae/linear_start.py)."""
    begins: bool = True
    """Whether x still holds the first frame of the clip, which layers that change time leave single."""
    before: Iterator[Tensor] | None = None
    """What each causal layer saw last in the run over the frames just before; none at the start of a clip."""
    kept: list[Tensor] | None = None
    """The same for the run after this one, if there is one."""
    frames_needed: Iterator[int] | None = None
    """After how many of its last frames each causal convolution may stop: later layers look back no further."""

    def keep(self, x_BTCHW: Tensor, count: int) -> None:
        """Keeps the last frames that a layer saw, for the run after this one, if there is one."""
        if self.kept is not None:
            self.kept.append(x_BTCHW[:, -count:].clone())  # a view would hold on to all of x

    def looking_back(self, x_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the two frames before (zeros before the first), and frames without those that nobody needs."""
        frames = x_BTCHW.shape[1]
        past_BTCHW = next(self.before) if self.before else x_BTCHW.new_zeros(_two(x_BTCHW))
        spare = frames - min(frames, next(self.frames_needed)) if self.frames_needed else 0
        if spare or self.kept is not None:
            all_BTCHW = joined([past_BTCHW, x_BTCHW], 1)
            self.keep(all_BTCHW, 2)
            past_BTCHW, x_BTCHW = all_BTCHW[:, spare : spare + 2], all_BTCHW[:, spare + 2 :]
        self.begins = self.begins and not spare
        return past_BTCHW, x_BTCHW


def run_layer(block: nn.Module, x_BTCHW: Tensor, run: Run) -> Tensor:
    """Runs any layer of the library's VAE."""
    for kind, function in _FUNCTIONS.items():
        if isinstance(block, kind):
            return function(block, x_BTCHW, run)
    raise AssertionError(f"no way is known to run a {type(block).__name__}")


def _conv(conv: WanCausalConv3d, x_BTCHW: Tensor, run: Run) -> Tensor:
    if conv.kernel_size[0] == 1:
        return _over_frames(conv, x_BTCHW)
    assert conv.kernel_size[0] == 3, f"{conv.kernel_size} looks at another number of frames than 3"
    return over_three(*run.looking_back(x_BTCHW), conv.weight, conv.bias)


def _over_frames(conv: WanCausalConv3d, seen_BTCHW: Tensor) -> Tensor:
    """One convolution over space; its channels are those of all the frames it looks at."""
    return over_space(seen_BTCHW, flat(conv.weight), conv.bias)


def _middle(block: WanMidBlock, x_BTCHW: Tensor, run: Run) -> Tensor:
    x_BTCHW = _residual(block.resnets[0], x_BTCHW, run)
    for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
        x_BTCHW = _residual(residual, _attention(attention, x_BTCHW, run), run)
    return x_BTCHW


def _down(block: WanResidualDownBlock, x_BTCHW: Tensor, run: Run) -> Tensor:
    """Wan 2.2's: means of neighbours go past it. An odd count of frames is one that begins; so says the library."""
    short_BTCHW = block.avg_shortcut(x_BTCHW.transpose(1, 2)).transpose(1, 2)
    for part in (*block.resnets, *([block.downsampler] if block.downsampler else ())):
        x_BTCHW = run_layer(part, x_BTCHW, run)
    return x_BTCHW + short_BTCHW


def _up(block: WanUpBlock | WanResidualUpBlock, x_BTCHW: Tensor, run: Run) -> Tensor:
    begins, given_BTCHW = run.begins, x_BTCHW
    for part in layers_of_up_block(block):
        x_BTCHW = run_layer(part, x_BTCHW, run)
    shortcut = getattr(block, "avg_shortcut", None)
    if shortcut is None:
        return x_BTCHW
    short_BTCHW = shortcut(given_BTCHW.transpose(1, 2), first_chunk=begins).transpose(1, 2)
    return x_BTCHW + _last(short_BTCHW, x_BTCHW)


def layers_of_up_block(block: WanUpBlock | WanResidualUpBlock) -> list[nn.Module]:
    """Returns the layers of an up block in the order they run in."""
    upsampler = block.upsampler if isinstance(block, WanResidualUpBlock) else (block.upsamplers or [None])[0]
    return [*block.resnets, *([upsampler] if upsampler else ())]


def _residual(block: WanResidualBlock, x_BTCHW: Tensor, run: Run) -> Tensor:
    same = isinstance(block.conv_shortcut, nn.Identity)
    short_BTCHW = x_BTCHW if same else _over_frames(block.conv_shortcut, x_BTCHW)
    if run.trunk_only:
        return short_BTCHW
    x_BTCHW = _conv(block.conv1, bent(block.norm1, x_BTCHW), run)
    x_BTCHW = _conv(block.conv2, block.dropout(bent(block.norm2, x_BTCHW)), run)
    return _last(short_BTCHW, x_BTCHW) + x_BTCHW


def _attention(block: WanAttentionBlock, x_BTCHW: Tensor, run: Run) -> Tensor:
    """It looks at each frame alone."""
    return x_BTCHW if run.trunk_only else block(x_BTCHW.transpose(1, 2)).transpose(1, 2)


def _resample(block: WanResample, x_BTCHW: Tensor, run: Run) -> Tensor:
    """Time is doubled before space, and halved after it."""
    if block.mode == "upsample3d":
        x_BTCHW = _double_time(block.time_conv, x_BTCHW, run)
    x_BTCHW = block.resample(x_BTCHW.flatten(0, 1)).unflatten(0, x_BTCHW.shape[:2])
    return _halve_time(block.time_conv, x_BTCHW, run) if block.mode == "downsample3d" else x_BTCHW


def _double_time(conv: WanCausalConv3d, x_BTCHW: Tensor, run: Run) -> Tensor:
    """The clip's first frame stays single, and later ones don't see it."""
    first_BTCHW, later_BTCHW = (x_BTCHW[:, :1], x_BTCHW[:, 1:]) if run.begins else (x_BTCHW[:, :0], x_BTCHW)
    pairs_BTKCHW = _conv(conv, later_BTCHW, run).unflatten(2, (2, -1))
    later_BTCHW = pairs_BTKCHW.flatten(1, 2)
    return joined([first_BTCHW, later_BTCHW], 1) if run.begins else later_BTCHW


def _halve_time(conv: WanCausalConv3d, x_BTCHW: Tensor, run: Run) -> Tensor:
    """Of two frames one, which sees both and the one before; the clip's first stays as it is."""
    first_BTCHW = x_BTCHW[:, :1] if run.begins else x_BTCHW[:, :0]
    if run.before:
        x_BTCHW = joined([next(run.before), x_BTCHW], 1)
    run.keep(x_BTCHW, 1)
    threes_BTCHW = joined([x_BTCHW[:, :-2:2], x_BTCHW[:, 1:-1:2], x_BTCHW[:, 2::2]], 2)
    return joined([first_BTCHW, _over_frames(conv, threes_BTCHW)], 1)


def bent(norm: WanRMS_norm, x_BTCHW: Tensor) -> Tensor:
    """Norms, and applies SiLU."""
    bias = norm.bias.view(-1, 1, 1) if isinstance(norm.bias, Tensor) else None
    return normed_and_bent(x_BTCHW, norm.scale * norm.gamma.view(-1, 1, 1), bias)


def _last(x_BTCHW: Tensor, like_BTCHW: Tensor) -> Tensor:
    """As many: whatever a run leaves out, it ends where it ends."""
    return x_BTCHW[:, x_BTCHW.shape[1] - like_BTCHW.shape[1] :]


def _two(x_BTCHW: Tensor) -> tuple[int, ...]:
    return (x_BTCHW.shape[0], 2, *x_BTCHW.shape[2:])


_FUNCTIONS = {
    WanCausalConv3d: _conv, WanMidBlock: _middle, WanResidualBlock: _residual, WanAttentionBlock: _attention,
    WanResample: _resample, WanResidualDownBlock: _down, WanUpBlock: _up, WanResidualUpBlock: _up,
}  # fmt: skip
