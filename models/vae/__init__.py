"""Runs the Wan video VAEs (2.1's, 2.2's and the mini one) without a mutable cache.

diffusers' `AutoencoderKLWan` walks a clip in pieces of four frames and keeps, between them, the frames each
causal convolution still needs in lists of its own: a forward pass that is run twice (gradient checkpointing) finds
them changed. Here the very same weights see all frames at once (models/vae/passes.py), or a window of them with
what came before handed in (window.py), or a big frame tile by tile (tiles.py). `tests/models/vae/test_vae.py` holds
each to the library's result, gradients too.

B clips, T frames or latents, C channels, H by W of a picture, everywhere in this package.
"""

from models.vae.passes import decode, encode
from models.vae.shapes import (
    FRAMES_PER_LATENT,
    denormalised,
    frames_of,
    latents_of,
    normalised,
    pixels_per_latent,
)
from models.vae.tiles import decode_tiled, encode_tiled
from models.vae.view import View
from models.vae.window import decode_window, latents_looked_back_at

__all__ = [
    "FRAMES_PER_LATENT",
    "View",
    "decode",
    "decode_tiled",
    "decode_window",
    "denormalised",
    "encode",
    "encode_tiled",
    "frames_of",
    "latents_looked_back_at",
    "latents_of",
    "normalised",
    "pixels_per_latent",
]  # fmt: skip
