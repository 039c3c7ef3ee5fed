"""The Wan video VAE without its mutable cache: whole clips in one pass, several times quicker on a CPU.

diffusers' `AutoencoderKLWan` walks a clip in pieces of four frames and keeps, between them, the frames each
causal convolution still needs in lists of its own: a forward pass that is run twice (gradient checkpointing) finds
them changed. Here the very same weights see all frames at once, and nothing is kept. A convolution over time and
space is done as one over space whose channels are the frames it looks at, which PyTorch's CPU kernels do four to
eight times quicker than the 3D one. `tests/models/test_vae.py` holds both ways to the same result, gradients too.

B clips, T frames, C channels; N = B * T frames in a row. `straight` leaves out the residual branches and the
attention: what is left is nearly linear, and where a training can start (models/mini/vaestart.py).
"""

from diffusers.models.autoencoders.autoencoder_kl_wan import (
    AutoencoderKLWan,
    WanAttentionBlock,
    WanCausalConv3d,
    WanMidBlock,
    WanResample,
    WanResidualBlock,
    WanRMS_norm,
    WanUpBlock,
    patchify,
    unpatchify,
)
from torch import Tensor, cat, nn
from torch.nn.functional import conv2d, normalize, silu

EVERY = 4
"""Frames a latent stands for; but the first stands for one."""


def latents_of(frames: int) -> int:
    """7 of 25 frames. Other counts than 4k + 1 pass silently through the library, and lose their last frames."""
    if frames < 1 or (frames - 1) % EVERY:
        near = max(1, round((frames - 1) / EVERY) * EVERY + 1)
        raise ValueError(f"the video VAE takes 4k+1 frames (1, 5, 9, ...), not {frames}; cut to {near}")
    return 1 + (frames - 1) // EVERY


def encode(vae: AutoencoderKLWan, video_BCTHW: Tensor, straight: bool = False) -> Tensor:
    """-1..1 in; the mean of the posterior out, as the checkpoint gives it (see `normalised`)."""
    frames, encoder = video_BCTHW.shape[2], vae.encoder
    latents_of(frames)
    x_NCHW = _rows(patchify(video_BCTHW, vae.config.patch_size or 1))
    x_NCHW = _conv(encoder.conv_in, x_NCHW, frames)
    for block in encoder.down_blocks:
        x_NCHW, frames = _block(block, x_NCHW, frames, straight)
    x_NCHW = _middle(encoder.mid_block, x_NCHW, frames, straight)
    x_NCHW = _conv(encoder.conv_out, silu(_norm(encoder.norm_out, x_NCHW)), frames)
    return _clips(_conv(vae.quant_conv, x_NCHW, frames), frames)[:, : vae.config.z_dim]


def decode(vae: AutoencoderKLWan, z_BCTHW: Tensor, straight: bool = False) -> Tensor:
    """The first latent becomes one frame, each after it four. Not cut to -1..1, so that gradients pass."""
    frames, decoder = z_BCTHW.shape[2], vae.decoder
    x_NCHW = _conv(vae.post_quant_conv, _rows(z_BCTHW), frames)
    x_NCHW = _middle(decoder.mid_block, _conv(decoder.conv_in, x_NCHW, frames), frames, straight)
    for block in decoder.up_blocks:
        assert isinstance(block, WanUpBlock), "VAEs of Wan 2.2 have another kind of block"
        for part in (*block.resnets, *(block.upsamplers or ())):
            x_NCHW, frames = _block(part, x_NCHW, frames, straight)
    x_NCHW = _conv(decoder.conv_out, silu(_norm(decoder.norm_out, x_NCHW)), frames)
    return unpatchify(_clips(x_NCHW, frames), vae.config.patch_size or 1)


def normalised(vae: AutoencoderKLWan, z_BCTHW: Tensor) -> Tensor:
    """What a DiT works on: mean 0 and deviation 1 in each channel."""
    mean_C, std_C = (z_BCTHW.new_tensor(v) for v in (vae.config.latents_mean, vae.config.latents_std))
    return (z_BCTHW - mean_C.view(-1, 1, 1, 1)) / std_C.view(-1, 1, 1, 1)


def denormalised(vae: AutoencoderKLWan, z_BCTHW: Tensor) -> Tensor:
    mean_C, std_C = (z_BCTHW.new_tensor(v) for v in (vae.config.latents_mean, vae.config.latents_std))
    return z_BCTHW * std_C.view(-1, 1, 1, 1) + mean_C.view(-1, 1, 1, 1)


def _rows(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.transpose(1, 2).flatten(0, 1)


def _clips(x_NCHW: Tensor, frames: int) -> Tensor:
    return x_NCHW.unflatten(0, (-1, frames)).transpose(1, 2)


def _block(block: nn.Module, x_NCHW: Tensor, frames: int, straight: bool) -> tuple[Tensor, int]:
    """And how many frames there are after it."""
    if isinstance(block, WanResidualBlock):
        return _residual(block, x_NCHW, frames, straight), frames
    if isinstance(block, WanAttentionBlock):
        return _attention(block, x_NCHW, straight), frames
    assert isinstance(block, WanResample), f"no way is known to run a {type(block).__name__}"
    return _resample(block, x_NCHW, frames)


def _middle(block: WanMidBlock, x_NCHW: Tensor, frames: int, straight: bool) -> Tensor:
    x_NCHW = _residual(block.resnets[0], x_NCHW, frames, straight)
    for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
        x_NCHW = _residual(residual, _attention(attention, x_NCHW, straight), frames, straight)
    return x_NCHW


def _residual(block: WanResidualBlock, x_NCHW: Tensor, frames: int, straight: bool) -> Tensor:
    same = isinstance(block.conv_shortcut, nn.Identity)
    short_NCHW = x_NCHW if same else _conv(block.conv_shortcut, x_NCHW, frames)
    if straight:
        return short_NCHW
    x_NCHW = _conv(block.conv1, silu(_norm(block.norm1, x_NCHW)), frames)
    return short_NCHW + _conv(block.conv2, block.dropout(silu(_norm(block.norm2, x_NCHW))), frames)


def _attention(block: WanAttentionBlock, x_NCHW: Tensor, straight: bool) -> Tensor:
    return x_NCHW if straight else block(x_NCHW.unsqueeze(2)).squeeze(2)  # it looks at each frame alone


def _resample(block: WanResample, x_NCHW: Tensor, frames: int) -> tuple[Tensor, int]:
    """Time is doubled before space, and halved after it; the first frame stays single."""
    if block.mode == "upsample3d" and frames > 1:
        x_BTCHW = x_NCHW.unflatten(0, (-1, frames))
        later_NCHW = _conv(block.time_conv, x_BTCHW[:, 1:].flatten(0, 1), frames - 1)
        pairs_BTKCHW = later_NCHW.unflatten(0, (-1, frames - 1)).unflatten(2, (2, -1))
        frames = 2 * frames - 1
        x_NCHW = cat([x_BTCHW[:, :1], pairs_BTKCHW.flatten(1, 2)], 1).flatten(0, 1)
    x_NCHW = block.resample(x_NCHW)
    if block.mode == "downsample3d" and frames > 1:
        x_BTCHW = x_NCHW.unflatten(0, (-1, frames))
        a, b, c = x_BTCHW[:, :-2:2], x_BTCHW[:, 1:-1:2], x_BTCHW[:, 2::2]
        seen_NCHW = cat([a, b, c], 2).flatten(0, 1)
        later_BTCHW = _over_frames(block.time_conv, seen_NCHW).unflatten(0, (len(x_BTCHW), -1))
        frames = (frames + 1) // 2
        x_NCHW = cat([x_BTCHW[:, :1], later_BTCHW], 1).flatten(0, 1)
    return x_NCHW, frames


def _conv(conv: WanCausalConv3d, x_NCHW: Tensor, frames: int) -> Tensor:
    """Causal: the frames before the first are zeros."""
    if conv.kernel_size[0] == 1:
        return _over_frames(conv, x_NCHW)
    assert conv.kernel_size[0] == 3, f"{conv.kernel_size} looks at another number of frames than 3"
    x_BTCHW = x_NCHW.unflatten(0, (-1, frames))
    none_BTCHW = x_BTCHW.new_zeros(x_BTCHW.shape[0], 2, *x_BTCHW.shape[2:])
    padded_BTCHW = cat([none_BTCHW, x_BTCHW], 1)
    seen = [padded_BTCHW[:, step : step + frames] for step in range(3)]
    return _over_frames(conv, cat(seen, 2).flatten(0, 1))


def _over_frames(conv: WanCausalConv3d, seen_NCHW: Tensor) -> Tensor:
    """One convolution over space; its channels are those of all the frames it looks at."""
    weight_OCHW = conv.weight.transpose(1, 2).flatten(1, 2)
    return conv2d(seen_NCHW, weight_OCHW, conv.bias, padding=conv.kernel_size[1] // 2)


def _norm(norm: WanRMS_norm, x_NCHW: Tensor) -> Tensor:
    return normalize(x_NCHW, dim=1) * (norm.scale * norm.gamma.view(-1, 1, 1)) + norm.bias
