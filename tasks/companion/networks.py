"""Loads what paints companions, and refuses networks that don't belong together before anything is painted."""

import torch

from models.audio.whisper import Whisper
from models.companions.painter import Painter, Settings
from models.companions.segments import Cut
from models.dit import checkpoint
from models.dit.config import DitConfig
from models.dit.painting import Sampling
from models.vae.opening import LatentGrid, latent_grid, load_vae
from models.weights.references import ModelError
from tasks.companion.config import CompanionConfig

GPU_LANES, CPU_LANES = 8, 1
"""Clips that are painted at once. On one core a batch gains nothing, and rows must not depend on what shares it."""


def load_networks(config: CompanionConfig) -> tuple[Painter, Whisper, int]:
    """The painter, what hears, and how many clips are painted at once."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    check_generator(config)
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    whisper = Whisper(config.whisper, config.layers, device)
    dit = checkpoint.load(config.generator, device=device, dtype=kind)
    heard = whisper.encoder.config.d_model * len(config.layers)
    if heard != dit.config.audio.features:
        raise ModelError(
            f"{config.generator} hears {dit.config.audio.features} numbers at a time, and {config.whisper} with layers "
            f"{config.layers} gives {heard}; set companion.whisper and companion.layers to what it learnt with"
        )
    settings = Settings(
        Cut(config.segment, config.motion, config.blended),
        Sampling(config.steps, config.shift, config.guidance, config.above),
        config.feather,
        config.match_colour,
    )
    painter = Painter(dit.eval(), load_vae(config.vae, device, kind), settings)
    return painter, whisper, GPU_LANES if device == "cuda" else CPU_LANES


def check_generator(config: CompanionConfig) -> None:
    """Reads headers alone."""
    found = checkpoint.inspect(config.generator)
    if not found.fit.whole:
        raise ModelError(
            f"{found.path} is no generator that is known here; nearest is {found.fit.name}: {found.fit.said()}"
        )
    _check_dit(config.generator, found.fit.config, config.vae, latent_grid(config.vae))


def _check_dit(reference: str, dit: DitConfig, vae: str, grid: LatentGrid) -> None:
    if dit.stacked != 2:
        raise ModelError(
            f"{reference} is an editor: it takes one latent at a time, and companions are painted by a generator, which "
            "takes a masked clip over the noised one (stacked=2); name a generator, for example mini:generator or "
            "run:NAME of `redub train generator`"
        )
    if dit.channels != grid.channels:
        raise ModelError(
            f"{reference} takes latents of {dit.channels} channels, and {vae} makes {grid.channels}; set companion.vae to "
            "the VAE that it learnt with"
        )
