"""Trains the mini head encoder: at first on top of the landmark network's layers as they are, then with them.

C counts clips, F frames of each, N frames of all, S shape coefficients, M frame coefficients.
"""

import json
import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.faces.mini import MiniFaces
from models.heads.coefficients import FRAME_COEFFICIENTS, SHAPE_COEFFICIENTS
from models.heads.encoder import BackboneOutputs, FrameFeatures, HeadEncoder
from models.mini.augment import vary
from models.mini.headfit.corpus import Batch, Corpus, corpus, draw
from models.mini.headfit.loss import Objective
from models.mini.shipping import Numbers, described
from models.mini.training import seeded, train
from models.world.body.head import head

log = logging.getLogger(__name__)

START = "mini:face"
"""Its landmark network knows the world's faces already, which saves most of the way."""


@dataclass(frozen=True)
class Plan:
    """How the encoder is trained."""

    seed: int = 1
    people: int = 1200
    frames: int = 8
    """Of a person's clip."""
    rooms: int = 150
    steps: int = 1000
    views: int = 2
    """How often every clip is cut anew while the eyes stay as they are, and nothing but the rest learns."""
    first_steps: int = 2000
    first_batch: int = 16
    first_rate: float = 2e-3
    batch: int = 6
    """Clips in a batch."""
    rate: float = 5e-4
    strangers: int = 60
    """People the report is measured on; none of them was trained on."""


def landmark_weights() -> dict[str, Tensor]:
    """Returns the weights of the mini landmark network, with which the encoder begins."""
    return MiniFaces(START).landmarker.state_dict()


def make(plan: Plan) -> HeadEncoder:
    """Makes and trains the encoder."""
    rng, noise = seeded(plan.seed)
    made = corpus(plan.seed, plan.people, plan.frames, plan.rooms)
    net = HeadEncoder(head().landmark_names)
    net.load_state_dict(net.state_dict() | landmark_weights())
    net.usual_M.copy_(torch.from_numpy(made.moves_CFM.mean((0, 1))))
    net.spread_M.copy_(torch.from_numpy(made.moves_CFM.std((0, 1))))
    objective = Objective(net.spread_M.clone())

    def step() -> Tensor:
        batch = draw(made, rng.choice(plan.people, plan.batch, replace=False), rng)
        return objective(net, batch, net.frame_features(vary(batch.rgb_CF3HW.flatten(0, 1), noise)))

    views = [precomputed_view(net, made, plan, rng, noise) for _ in range(plan.views)]
    upright_NL2 = net.upright(torch.cat([sight[1][batch.there_CF.flatten()] for batch, sight in views]))
    net.usual_L2.copy_(upright_NL2.mean(0))
    net.spread_L2.copy_(upright_NL2.std(0))
    train(
        net, lambda: objective(net, *batch_of_views(net, views, plan, rng)), plan.first_steps, plan.first_rate
    )
    log.info("from here on the layers of the landmark network learn, too")
    train(net, step, plan.steps, plan.rate)
    return net.eval()


def precomputed_view(
    net: HeadEncoder, made: Corpus, plan: Plan, rng: np.random.Generator, noise: torch.Generator
) -> tuple[Batch, BackboneOutputs]:
    """Runs the landmark network's layers over all clips, cut somehow, and drops the pictures themselves."""
    batches, seen = [], []
    with torch.no_grad():
        for some_C in np.array_split(np.arange(plan.people), max(plan.people // 8, 1)):
            batch = draw(made, some_C, rng)
            seen.append(net.backbone(vary(batch.rgb_CF3HW.flatten(0, 1), noise)))
            batches.append(replace(batch, rgb_CF3HW=batch.there_CF))
    whole = Batch(*(torch.cat([getattr(batch, f.name) for batch in batches]) for f in fields(Batch)))
    deep, points, answers, mouths = (torch.cat(parts) for parts in zip(*seen, strict=True))
    return whole, (deep, points, answers, mouths)


def batch_of_views(
    net: HeadEncoder, views: list[tuple[Batch, BackboneOutputs]], plan: Plan, rng: np.random.Generator
) -> tuple[Batch, FrameFeatures]:
    """Draws some clips of one of the precomputed views: without the pictures, a step costs a tenth."""
    whole, seen = views[rng.integers(len(views))]
    some_C = torch.from_numpy(rng.choice(plan.people, plan.first_batch, replace=False))
    some_N = (some_C[:, None] * plan.frames + torch.arange(plan.frames)).flatten()
    deep, points, answers, mouths = (part[some_N] for part in seen)
    batch = Batch(*(getattr(whole, f.name)[some_C] for f in fields(Batch)))
    return batch, net.combined(deep, points, answers, mouths)


def save(net: HeadEncoder, plan: Plan, numbers: Numbers, path: Path) -> None:
    """Saves the weights in half precision, with where they come from in the metadata."""
    said = described("headfit", "head encoder", f"{plan.people} people", plan, numbers)
    said |= {"moves": FRAME_COEFFICIENTS, "shapes": SHAPE_COEFFICIENTS}
    # Half precision moves no landmark by a hundredth of a pixel.
    # One entry, as safetensors writes several in another order each time, and the digest would change.
    weights = {key: value.half().contiguous() for key, value in net.state_dict().items()}
    save_file(weights, path, {"about": json.dumps(said)})
