"""Takes one step with the real net and two windows, and writes and reads a checkpoint: all before anything starts."""

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from infra import sharding
from infra.sharding import Sharded, Sharding
from tasks.training.chance import chance
from tasks.training.checking.finding import Finding, first_of, ok, refuse
from tasks.training.checkpoints import Checkpoint, Place, Writer, state_of
from tasks.training.objective import Batch, Objective
from tasks.training.optimizers import make_optimizer
from tasks.training.recipe import TrainRecipe

PAIR = 2


def step(
    recipe: TrainRecipe, objective: Objective, net: nn.Module, batch: Batch, like: Sharding
) -> Iterator[Finding]:
    """Forward, backward, optimizer; then a checkpoint in a temporary folder. `batch` is two windows."""
    started = time.perf_counter()
    sharding.begin()
    try:
        sharded = sharding.shard(
            net, partial(make_optimizer, recipe.optimizer), Sharding(zero=0, dtype=like.dtype)
        )
        on_device = {name: _moved(value) for name, value in batch.items()}
        loss = objective.loss(
            sharded.module, on_device, [chance(recipe.seed, 0, place) for place in range(PAIR)]
        )
        sharded.backward(loss.value)
        norm = sharded.step(recipe.optimizer.longest).norm
        yield from _went(float(loss.value.detach()), norm, sharded, time.perf_counter() - started)
        yield from _kept(sharded, objective)
    finally:
        sharding.end()


def _moved(value: object) -> object:
    return value.to(sharding.device()) if isinstance(value, Tensor) else value


def _went(loss: float, norm: float, sharded: Sharded, seconds: float) -> Iterator[Finding]:
    broken = [name for name, one in sharded.module.named_parameters() if not one.isfinite().all()]
    if not math.isfinite(loss) or not math.isfinite(norm) or broken:
        yield refuse(
            f"a step with two windows gives a loss of {loss:g} and a gradient {norm:g} long"
            + (f", and weights that are not finite ({first_of(broken)})" if broken else "")
            + ": look at init and at the optimizer's rates"
        )
    else:
        yield ok(f"a step with two windows: loss {loss:.3f}, gradient {norm:.2f}, {seconds:.1f} s")


def _kept(sharded: Sharded, objective: Objective) -> Iterator[Finding]:
    """Whether what is written is what is read."""
    state = dict(sharded.tensors())
    flat = {
        f"{name}|{key}": one.contiguous() for name, tensors in state.items() for key, one in tensors.items()
    }
    with tempfile.TemporaryDirectory(prefix="redub-check-") as folder:
        found = _written(Place(folder), flat, objective)
        read = state_of(found)
        wrong = [name for name, tensors in state.items() if not _same(tensors, read(name))]
        size = sum(one.nbytes for one in flat.values())
    if wrong:
        yield refuse(f"a checkpoint is not read as it was written: {first_of(wrong)}; report this")
    else:
        yield ok(f"a checkpoint of {size / 1e6:.0f} MB is read as it was written, {len(flat)} tensors")


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _written(place: Place, flat: dict[str, Tensor], objective: Objective) -> Checkpoint:
    writer = Writer(place, 0, 1)
    writer.write(1, flat, None, objective.about(), {"at": time.time()}, lambda _: None)
    writer.close()
    found, wrong = place.newest()
    assert found is not None, wrong
    return found
