"""Trains the mini face back-end (a detector and a landmark network) on the procedural world, and measures it.

    python -m models.mini.face

writes models/mini/weights/face.safetensors, the same bytes every time on one machine, and prints the report.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.faces.mini import MiniFaces
from models.faces.nets import Detector, Landmarker, fuse
from models.mini import detector, landmarks
from models.mini.corpus import TRAINING, Shot, make_empty, make_shot, mirrored_order
from models.mini.measure import measure, unseen
from models.mini.shipping import Numbers, described, ship
from models.world.head import head

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    people: int = 1200
    rooms: int = 300
    detector_steps: int = 1000
    detector_batch: int = 24
    landmark_steps: int = 7000
    landmark_batch: int = 64
    rate: float = 3e-3
    strangers: int = 100
    """People the report is measured on; none of them was trained on."""


def corpus(plan: Plan) -> list[Shot]:
    """Faces in all framings, then empty rooms."""
    faces, rooms = [], []
    for person in range(TRAINING, TRAINING + plan.people):
        faces.append(make_shot(plan.seed, person, 3, "close", (128, 128)))
        faces.append(make_shot(plan.seed, person, 2, "bust", (192, 108)))
        faces.append(make_shot(plan.seed, person, 1, "far", (256, 144)))
    for number in range(TRAINING, TRAINING + plan.rooms):
        rooms.append(make_empty(plan.seed, number, 3, (192, 108)))
    log.info(
        "%d pictures with a face, %d without", sum(s.frames for s in faces), sum(s.frames for s in rooms)
    )
    return faces + rooms


def pacing(done: float) -> float:
    """The rate rises for a tenth of the way, then falls as a cosine does."""
    return min(done * 10 + 0.02, 0.5 + 0.5 * float(np.cos(np.pi * done)))


def train(net: nn.Module, step: Callable[[], Tensor], steps: int, rate: float) -> None:
    net.train()
    net.to(memory_format=torch.channels_last)  # a third quicker on CPUs
    adam = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-4)
    pace = torch.optim.lr_scheduler.LambdaLR(adam, lambda done: pacing(done / steps))
    recent: list[float] = []
    for number in range(1, steps + 1):
        adam.zero_grad()
        loss = step()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        adam.step()
        pace.step()
        recent.append(loss.item())
        if number % 100 == 0:
            log.info("%s step %d of %d: loss %.4f", type(net).__name__, number, steps, np.mean(recent[-100:]))


def make(plan: Plan) -> dict[str, Tensor]:
    """The weights of both networks, ready for use."""
    shots = corpus(plan)
    parts = {"detector": train_detector(plan, shots), "landmarker": train_landmarker(plan, shots)}
    return {f"{part}.{key}": value for part, net in parts.items() for key, value in net.state_dict().items()}


def train_detector(plan: Plan, shots: list[Shot]) -> nn.Module:
    rng, noise = seeded(plan.seed)
    net = Detector(norm=True)
    train(
        net,
        lambda: detector.step(net, shots, plan.detector_batch, rng, noise),
        plan.detector_steps,
        plan.rate,
    )
    return fuse(net)


def train_landmarker(plan: Plan, shots: list[Shot]) -> nn.Module:
    rng, noise = seeded(plan.seed)
    names = head().landmark_names
    net, mirror, batch = Landmarker(len(names), norm=True), mirrored_order(names), plan.landmark_batch
    train(net, lambda: landmarks.step(net, shots, mirror, batch, rng, noise), plan.landmark_steps, plan.rate)
    return fuse(net)


def seeded(seed: int) -> tuple[np.random.Generator, torch.Generator]:
    """Either network's training follows from the seed alone. One thread: more would add up in another order."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return np.random.default_rng(seed), torch.Generator().manual_seed(seed)


def save(weights: dict[str, Tensor], plan: Plan, numbers: Numbers, path: Path) -> None:
    said = described("face", "face detector and landmark network", f"{plan.people} people", plan, numbers)
    said["landmarks"] = head().landmark_names
    # One entry, as safetensors writes several in another order each time, and the digest would change.
    save_file({key: value.contiguous() for key, value in weights.items()}, path, {"about": json.dumps(said)})


def main() -> None:
    plan = Plan()

    def measured(path: str) -> Numbers:
        return measure(MiniFaces(path), *unseen(plan.seed, plan.strangers))

    ship(__doc__, "face.safetensors", lambda: make(plan), lambda w, n, p: save(w, plan, n, p), measured)


if __name__ == "__main__":
    main()
