"""Trains the two networks of the mini face back-end, one after the other, on pictures of the procedural world."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from models.faces.nets import Detector, Landmarker, fuse
from models.mini.face import detector, landmarks
from models.mini.shipping import Numbers, described
from models.mini.training import seeded, train
from models.mini.world_pictures import TRAINING, Shot, make_empty_room, make_shot, mirrored_order
from models.world.body.head import head

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How the two networks are trained."""

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
    """Makes pictures of faces in all framings, then of empty rooms."""
    faces, rooms = [], []
    for person in range(TRAINING, TRAINING + plan.people):
        faces.append(make_shot(plan.seed, person, 3, "close", (128, 128)))
        faces.append(make_shot(plan.seed, person, 2, "bust", (192, 108)))
        faces.append(make_shot(plan.seed, person, 1, "far", (256, 144)))
    for number in range(TRAINING, TRAINING + plan.rooms):
        rooms.append(make_empty_room(plan.seed, number, 3, (192, 108)))
    log.info(
        "%d pictures with a face, %d without", sum(s.frames for s in faces), sum(s.frames for s in rooms)
    )
    return faces + rooms


def make(plan: Plan) -> dict[str, Tensor]:
    """Makes and trains both networks, and returns their weights, ready for use."""
    shots = corpus(plan)
    parts = {"detector": train_detector(plan, shots), "landmarker": train_landmarker(plan, shots)}
    return {f"{part}.{key}": value for part, net in parts.items() for key, value in net.state_dict().items()}


def train_detector(plan: Plan, shots: list[Shot]) -> nn.Module:
    """Makes and trains the detector."""
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
    """Makes and trains the landmark network."""
    rng, noise = seeded(plan.seed)
    names = head().landmark_names
    net, mirror, batch = Landmarker(len(names), norm=True), mirrored_order(names), plan.landmark_batch
    train(net, lambda: landmarks.step(net, shots, mirror, batch, rng, noise), plan.landmark_steps, plan.rate)
    return fuse(net)


def save(weights: dict[str, Tensor], plan: Plan, numbers: Numbers, path: Path) -> None:
    """Saves both in one file, with where they come from in its metadata."""
    said = described("face", "face detector and landmark network", f"{plan.people} people", plan, numbers)
    said["landmarks"] = head().landmark_names
    # One entry, as safetensors writes several in another order each time, and the digest would change.
    save_file({key: value.contiguous() for key, value in weights.items()}, path, {"about": json.dumps(said)})
