"""The DiTs that have a name.

A preset takes one latent at a time (the editor); `stacked` makes of it what the generator and the channel-concat
editor take. `count_parameters(config)` counts without memory; tests hold these counts.
"""

from dataclasses import replace

import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.net import VideoDit

MINI = DitConfig(
    dim=128,
    layers=4,
    heads=4,
    ffn=512,
    channels=24,
    audio=AudioConfig(features=96, layers=1, width=96, heads=4),
    text=0,
    preconditioned=True,
    reference_shift=8,
)
"""1.42 M parameters. For 16x16 latents of the mini VAE: 64 tokens a frame, and no text, for no mini model writes any."""
HEARING = AudioConfig(features=1280, layers=1, width=640, heads=10)
"""One layer is what gives the features of a window their places: without any, cross-attention cannot tell a window
from the same one played backwards."""
BILLION = DitConfig(dim=1280, layers=25, heads=10, ffn=5120, channels=16, audio=HEARING, spatial=True)
"""1.016 B. The paper says "about 1B" and which attentions, no more; latents are Wan 2.1's."""
WAN_SMALL = DitConfig(dim=1536, layers=30, heads=12, ffn=8960, channels=16, audio=HEARING)
"""1.711 B. Wan 2.1 T2V 1.3B (1.419 B as published), and audio cross-attention, which is new."""
XDUB = DitConfig(
    dim=3072,
    layers=30,
    heads=24,
    ffn=14336,
    channels=48,
    audio=AudioConfig(features=2048, window=8, layers=4, width=1536, heads=24),
    coarse_clock=True,
)
"""6.293 B. The public X-Dub checkpoint: 5.000 B of Wan 2.2 TI2V 5B, 0.160 B that embed sound, 1.133 B that
attend to it."""

PRESETS = {"mini": MINI, "1b": BILLION, "wan-1.3b": WAN_SMALL, "wan2.2-5b-xdub": XDUB}


def stacked(config: DitConfig) -> DitConfig:
    """Returns the config of the generator and of the channel-concat editor: two latents over one another."""
    return replace(config, stacked=2)


def on_meta(config: DitConfig) -> VideoDit:
    """Makes a net on the meta device: shapes without memory, in a moment."""
    with torch.device("meta"):
        return VideoDit(config)


def count_parameters(config: DitConfig) -> int:
    """Counts a net's parameters on the meta device."""
    return sum(tensor.numel() for tensor in on_meta(config).state_dict().values())
