"""Trainings of an editor and its experts as they lie in a catalog: small nets, real files, rows with metrics."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from models.dit.config import DitConfig
from models.dit.expertfile import save as save_expert
from models.dit.experts import attach, parameters_to_train
from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from storage.ledger.catalog import Catalog
from storage.trainings.names import WEIGHTS, checkpoint_place
from storage.trainings.records import FINISHED, Attempt, Setup, Written
from storage.trainings.writing import finish_training, start_training, write_checkpoint

GOOD = {"psnr_lips": 20.0, "opening_r": 0.8, "leak": 0.05, "identity": 0.95}
SAMPLING = {
    "steps": 2, "shift": 2.5, "reference": 0.0, "audio": 3.5, "clip": 25, "motion": 5, "border": False,
}  # fmt: skip
RECIPE = {
    "steps": 10, "preset": "mini", "vae": "mini:vae", "whisper": "mini:whisper", "init": "", "frames": 25, "motion": 2,
}  # fmt: skip


def begun(catalog: Catalog, run: str, kind: str, data: str = "world:people=8", over: str = "") -> Attempt:
    """A training; `over` is the reference and the digest of the editor that an expert learnt over."""
    init = over.partition(" ")[0]
    recipe = RECIPE | {"init": init}
    return start_training(
        catalog,
        Setup(
            run,
            kind,
            recipe,
            data,
            "c0ffee",
            [over, "mini:vae 0a1b"] if over else ["mini:vae 0a1b"],
            init=init,
        ),
    )


def checkpoint(
    catalog: Catalog,
    attempt: Attempt,
    step: int,
    data: bytes,
    metrics: Mapping[str, float] = GOOD,
    best: bool = False,
) -> str:
    """Writes its file and its row; returns its digest."""
    place = Path(catalog.root) / checkpoint_place(attempt.run, step) / WEIGHTS
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    write_checkpoint(catalog, attempt, Written(step, step, 0.1, digest, 1.0, 0.1, metrics, best))
    return digest


@cache
def editor_file(seed: int = 0, sampling: bool = True) -> bytes:
    """Of a mini editor of random numbers, that says how to be sampled."""
    net = random_net(seed)
    about: dict[str, Any] = {"licence": "Apache-2.0", "dit": json.dumps(asdict(net.config))}
    header = {"about": json.dumps(about | ({"sampling": SAMPLING} if sampling else {}))}
    return save({name: value.contiguous() for name, value in net.state_dict().items()}, header)


def random_net(seed: int, config: DitConfig = PRESETS["mini"]) -> VideoDit:
    torch.manual_seed(seed)
    net = VideoDit(config)
    for value in net.state_dict().values():
        value.normal_(std=0.05)
    return net


def expert_file(folder: Path, kind: str, seed: int = 1) -> bytes:
    """One that changes what the net says."""
    net = random_net(0)
    attach(net, kind, rank=2)
    torch.manual_seed(seed)
    for parameter in parameters_to_train(net, kind):
        torch.nn.init.normal_(parameter)
    save_expert(net, kind, folder / f"{kind}.safetensors")
    return (folder / f"{kind}.safetensors").read_bytes()


def editor_run(
    catalog: Catalog, run: str = "ed", metrics: Mapping[str, float] = GOOD, data: str = "world:people=8"
) -> str:
    """A structure training with steps 100 (the best) and 200; returns the digest of the best."""
    attempt = begun(catalog, run, "structure", data)
    digest = checkpoint(catalog, attempt, 100, editor_file(), metrics, best=True)
    checkpoint(catalog, attempt, 200, editor_file(1), metrics)
    finish_training(catalog, attempt, FINISHED)
    return digest


def expert_run(
    catalog: Catalog,
    run: str,
    over: str,
    data: bytes = b"weights of an expert",
    kind: str = "lip",
    metrics: Mapping[str, float] = GOOD,
) -> str:
    """An expert's training, with one checkpoint; `over` is the editor's reference and digest."""
    attempt = begun(catalog, run, kind, over=over)
    digest = checkpoint(catalog, attempt, 50, data, metrics)
    finish_training(catalog, attempt, FINISHED)
    return digest
