"""Trains the mini SyncNet: the lips of five frames have to find their own sound among that of the same clip.

Nothing about the speaker helps there, only the movement.
"""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.mini.augment import vary
from models.mini.shipping import Numbers, described
from models.mini.syncnet.corpus import SIZES, Plan, batch, make_lesson
from models.mini.training import seeded, train
from models.mini.world_pictures import TRAINING
from models.sync.contrast import contrast
from models.sync.net import FRAMES, Net

log = logging.getLogger(__name__)


class TrainingNet(torch.nn.Module):
    """The network, with the cutting into windows and the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(SIZES)

    def forward(self, bgr_CF3HW: Tensor, heard_CNCT: Tensor, rng: torch.Generator) -> Tensor:
        clips, frames = bgr_CF3HW.shape[:2]
        varied = vary_clips(bgr_CF3HW, rng)
        windows_B3FHW = varied.unfold(1, FRAMES, 1).flatten(0, 1).movedim(-1, 2)
        lips = self.net.lips(windows_B3FHW).unflatten(0, (clips, frames - FRAMES + 1))
        return contrast(lips, self.net.sound(heard_CNCT.flatten(0, 1)).unflatten(0, (clips, -1)))


def vary_clips(bgr_CF3HW: Tensor, rng: torch.Generator) -> Tensor:
    """Varies clips, one camera a clip: its frames as one tall picture are treated alike."""
    tall_C3HW = bgr_CF3HW.float().transpose(1, 2).flatten(2, 3)
    return vary(tall_C3HW, rng).unflatten(2, (bgr_CF3HW.shape[1], -1)).transpose(1, 2)


def make(plan: Plan) -> Net:
    """Makes and trains the network."""
    rng, noise = seeded(plan.seed)
    lessons = [make_lesson(plan, person) for person in range(TRAINING, TRAINING + plan.clips)]
    log.info("%d clips of %d frames", plan.clips, plan.frames)
    training_net = TrainingNet()

    def step() -> Tensor:
        some = [lessons[i] for i in rng.choice(len(lessons), plan.batch, replace=False)]
        return training_net(*batch(some, plan.windows, rng), noise)

    train(training_net, step, plan.steps, plan.rate)
    return training_net.net.eval()


def save(net: Net, plan: Plan, numbers: Numbers, path: Path) -> None:
    """Saves the weights, with their sizes and where they come from in the metadata."""
    said = described("syncnet", "SyncNet", f"{plan.clips} people", plan, numbers) | {"sizes": asdict(SIZES)}
    weights = {key: value.contiguous() for key, value in net.state_dict().items()}
    save_file(weights, path, {"about": json.dumps(said)})
