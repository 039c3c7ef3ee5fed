"""Trainings as they lie in a catalog: rows and small files of weights, for the tests of those who look at them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from storage.ledger.catalog import Catalog
from storage.trainings.names import WEIGHTS, checkpoint_place, training_lock
from storage.trainings.records import FINISHED, Attempt, Setup, Written
from storage.trainings.writing import finish_training, start_training, write_checkpoint, write_metrics

RECIPE = {"steps": 300, "net": {"layers": 2}, "vae": "mini:vae"}
ABOUT = {"licence": "CC-BY-4.0", "trained_on": "v1 of a catalog of words"}


def setup(run: str, **changed: Any) -> Setup:
    facts = {"kind": "generator", "recipe": RECIPE, "data": "world:people=8", "parents": ["mini:vae 0a1b"]}
    return Setup(**{"run": run, **facts, "git_commit": "abc", "profile": "laptop", **changed})


def weights(seed: int) -> bytes:
    return save({"w": np.full(4, seed, np.float32)}, {"about": json.dumps(ABOUT)})


def put_checkpoint(catalog: Catalog, attempt: Attempt, step: int, loss: float, best: bool = False) -> bytes:
    """Its file and its row."""
    data = weights(step)
    fs, path = catalog.store.filesystem(f"{catalog.root}/{checkpoint_place(attempt.run, step)}/{WEIGHTS}")
    fs.makedirs(str(Path(path).parent), exist_ok=True)
    fs.pipe_file(path, data)
    digest = hashlib.sha256(data).hexdigest()
    metrics = {"val_loss": loss, "seconds": 2.0}
    write_checkpoint(
        catalog, attempt, Written(step, step * 8, step / 100, digest, step * 1.5, step / 1000, metrics, best)
    )
    return data


def trained(catalog: Catalog, run: str, steps: int = 3, **changed: Any) -> Attempt:
    """A training that has ended, with a checkpoint every 100 steps, of which the second is the best."""
    with training_lock(catalog, run):
        attempt = start_training(catalog, setup(run, **changed))
        for i in range(1, steps + 1):
            write_metrics(catalog, attempt, {100 * i: {"loss": 1 / i, "rate": 0.1}})
            put_checkpoint(catalog, attempt, 100 * i, abs(2 - i) + 0.5, best=i <= 2)
        finish_training(catalog, attempt, FINISHED)
    return attempt
