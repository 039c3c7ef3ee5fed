"""Trains the mini video VAE: Wan 2.1's class, four times less in time and in each direction of space.

The training starts from a linear codec (models/mini/vae/linear_start.py) and goes on with what is nearly linear in
the net, its trunk: ten minutes of one core. The residual branches are there and add nothing; to teach them, too,
takes hours of small steps, and larger ones undo what the trunk has learned.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn

from models.mini.shipping import Numbers, described, write_about
from models.mini.vae.corpus import Batch, Plan, corpus, draw
from models.mini.vae.linear_start import start_linear
from models.mini.vae.measure import decibels
from models.vae import decode, encode

log = logging.getLogger(__name__)

CHANNELS = 24
"""Of the latents: twice as many and a constant must fit into the widest part of the net."""
CONFIG = {
    "base_dim": 16, "dim_mult": [1, 2, 4], "z_dim": CHANNELS, "num_res_blocks": 1,
    "temperal_downsample": [True, True], "scale_factor_spatial": 4,
}  # fmt: skip
"""Four times less in space and not eight: doubling a picture, this net repeats each pixel and then looks at three by
three of them alike, and so can hardly say what differs within a pair; that costs little only where pixels are small."""


def trunk(vae: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters outside all residual branches."""
    inner = ("norm1", "conv1", "norm2", "conv2", "attentions")
    return [p for name, p in vae.named_parameters() if not set(inner) & set(name.split("."))]


def train(vae: AutoencoderKLWan, batches: Callable[[], Batch], steps: int, rate: float) -> None:
    """Trains the trunk, in place."""
    parameters = trunk(vae)
    adam = torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=0.0)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=steps, pct_start=0.08)
    recent: list[float] = []
    for number in range(1, steps + 1):
        video, weights = batches()
        wrong = (decode(vae, encode(vae, video, trunk_only=True), trunk_only=True) - video).square()
        adam.zero_grad()
        (wrong * weights).mean().backward()
        nn.utils.clip_grad_norm_(parameters, 0.2)
        adam.step()
        pace.step()
        recent.append(float(wrong.detach().mean()))
        if number % 50 == 0:
            log.info("step %d of %d: %.2f dB", number, steps, decibels(np.mean(recent[-50:])))


def make(plan: Plan) -> AutoencoderKLWan:
    """Makes and trains the VAE."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    rgb_NFHWC, mouths_N2 = corpus(plan)
    log.info("%d clips", len(rgb_NFHWC))
    plain = {"latents_mean": [0.0] * CHANNELS, "latents_std": [1.0] * CHANNELS}
    vae = AutoencoderKLWan(**CONFIG, **plain)
    start_linear(vae, draw(rgb_NFHWC, mouths_N2, min(40, plan.people), rng)[0])
    train(vae, lambda: draw(rgb_NFHWC, mouths_N2, plan.batch, rng), plan.steps, plan.rate)
    normalise(vae, draw(rgb_NFHWC, mouths_N2, min(100, plan.people), rng)[0])
    return vae.eval()


@torch.no_grad()
def normalise(vae: AutoencoderKLWan, video_BCTHW: Tensor) -> None:
    """Writes into the config what to subtract and divide by, so that a DiT sees mean 0 and mean square 1.

    All channels are divided by one number: they are nearly principal components of pictures, and a DiT that sees
    them all as large as each other spends its loss on the last of them, which nobody sees, and smears the first.
    """
    z_CN = torch.cat([encode(vae, part).transpose(0, 1).flatten(1) for part in video_BCTHW.split(10)], 1)
    mean, scale = z_CN.mean(1).tolist(), float(z_CN.var(1).mean().sqrt())
    vae.register_to_config(latents_mean=mean, latents_std=[scale] * len(mean))


def save(vae: AutoencoderKLWan, plan: Plan, numbers: Numbers, folder: Path) -> None:
    """Saves it in half precision; it is measured as it is stored."""
    vae.half().save_pretrained(folder)
    vae.float()
    what = "video VAE, of the class of Wan 2.1's"
    write_about(folder, described("vae", what, f"{plan.people} people", plan, numbers))
