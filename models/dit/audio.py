"""Turns audio features into tokens for the DiT: each window of N features becomes N tokens of the DiT's width.

Names are those of the public checkpoint. B clips, F latent frames, A numbers a feature, E numbers inside; a window's
features attend to one another only.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from models.dit.config import LONGEST, AudioConfig


def audio_embedding(config: AudioConfig, dim: int) -> nn.Module:
    """Returns the module for a config: layers of attention where it has some, else one Linear."""
    return AudioEmbedding(config, dim) if config.layers else nn.Linear(config.features, dim)


class AudioEmbedding(nn.Module):
    """Embeds windows of features by layers of attention within each window."""

    def __init__(self, config: AudioConfig, dim: int):
        super().__init__()
        self.proj_in = nn.Linear(config.features, config.width)
        self.layers = nn.ModuleList(_Layer(config.width, config.heads) for _ in range(config.layers))
        self.proj_out = nn.Linear(config.width, dim)

    def forward(self, audio_BFNA: Tensor) -> Tensor:
        x_BFNE = self.proj_in(audio_BFNA)
        for layer in self.layers:
            x_BFNE = layer(x_BFNE)
        return self.proj_out(x_BFNE)


class _Layer(nn.Module):
    """x + Attn(PE(LN x)), then x + FF(LN x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.pos_embed = _Places(width)
        self.attn = _Attention(width, heads)
        inner = (_Gated(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))
        self.ff = nn.ModuleDict({"net": nn.Sequential(*inner)})

    def forward(self, x_BFNE: Tensor) -> Tensor:
        x_BFNE = x_BFNE + self.attn(self.pos_embed(self.norm1(x_BFNE)))
        return x_BFNE + self.ff["net"](self.norm2(x_BFNE))


class _Places(nn.Module):
    """Sines and cosines in turns; weights of the public checkpoint, though nothing learnt them."""

    pe: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("pe", torch.empty(1, LONGEST, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        width = self.pe.shape[-1]
        place_N1 = torch.arange(LONGEST, device=self.pe.device)[:, None]
        turn_E = torch.arange(0, width, 2, device=self.pe.device) * (-math.log(10000.0) / width)
        self.pe[0, :, 0::2] = torch.sin(place_N1 * turn_E.exp())
        self.pe[0, :, 1::2] = torch.cos(place_N1 * turn_E.exp())

    def forward(self, x_BFNE: Tensor) -> Tensor:
        return x_BFNE + self.pe[:, : x_BFNE.shape[2]]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(width, width))

    def forward(self, x_BFNE: Tensor) -> Tensor:
        q, k, v = (
            linear(x_BFNE).unflatten(-1, (self.heads, -1)).transpose(2, 3)
            for linear in (self.to_q, self.to_k, self.to_v)
        )
        return self.to_out(scaled_dot_product_attention(q, k, v).transpose(2, 3).flatten(3))


class _Gated(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.proj = nn.Linear(width, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * gelu(gate)
