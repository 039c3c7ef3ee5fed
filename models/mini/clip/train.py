"""Trains the mini CLIP's picture tower to find the other frame of the same scene among many.

What dubbing must keep draws pictures together, and what it may change does not part them. There is no tower for
text: dubbing compares pictures only.
"""

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from models.mini.clip.corpus import SIDE, Plan, as_other_cameras_see, draw, pictures
from models.mini.shipping import Numbers, described, write_about
from models.mini.training import seeded, train
from models.mini.world_pictures import TRAINING
from models.weights.pretrained import quietly

log = logging.getLogger(__name__)


def config() -> CLIPVisionConfig:
    """Returns the tower's config."""
    return CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=256,
        projection_dim=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=8,
    )


def processor() -> CLIPImageProcessor:
    """Returns the processor that prepares pictures for the tower."""
    sides = {"height": SIDE, "width": SIDE}
    return CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=sides)


def contrast(vectors_BD: Tensor, warmth: float) -> Tensor:
    """Returns a loss that wants each picture's own partner to be its nearest of the other half (as CLIP's pairs)."""
    one_BD, other_BD = vectors_BD.chunk(2)
    near_BB = one_BD @ other_BD.T / warmth
    own_B = torch.arange(len(one_BD))
    return (cross_entropy(near_BB, own_B) + cross_entropy(near_BB.T, own_B)) / 2


class TrainingNet(nn.Module):
    """The tower, with the preparation of its pictures as part of the network."""

    def __init__(self, tower: CLIPVisionModelWithProjection, prepared: CLIPImageProcessor):
        super().__init__()
        self.tower = tower
        self.mean_311: Tensor
        self.deviation_311: Tensor
        mean_3, deviation_3 = torch.tensor(prepared.image_mean), torch.tensor(prepared.image_std)
        self.register_buffer("mean_311", mean_3[:, None, None])
        self.register_buffer("deviation_311", deviation_3[:, None, None])

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        """Returns unit vectors of pictures 0..255."""
        seen = (rgb_B3HW / 255 - self.mean_311) / self.deviation_311
        return normalize(self.tower(seen).image_embeds)


def make(plan: Plan) -> CLIPVisionModelWithProjection:
    """Makes and trains the tower."""
    rng, noise = seeded(plan.seed)
    corpus = np.stack([pictures(plan, person) for person in range(TRAINING, TRAINING + plan.people)])
    log.info("%d pictures of %d people", corpus.shape[0] * corpus.shape[1], plan.people)
    training_net = TrainingNet(CLIPVisionModelWithProjection(config()), processor())

    def step() -> Tensor:
        return contrast(
            training_net(as_other_cameras_see(draw(corpus, plan, rng).float(), noise)), plan.warmth
        )

    train(training_net, step, plan.steps, plan.rate)
    return training_net.tower.eval()


def save(tower: CLIPVisionModelWithProjection, plan: Plan, numbers: Numbers, folder: Path) -> None:
    """Saves it as transformers does, with where it comes from beside it."""
    with quietly():
        nn.Module.to(tower, memory_format=torch.contiguous_format)
        tower.save_pretrained(folder)
    processor().save_pretrained(folder)
    what = "CLIP: the tower for pictures"
    write_about(folder, described("clip", what, f"{plan.people} people", plan, numbers))
