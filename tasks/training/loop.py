"""The training loop: one straight function, the same on one CPU and on many GPUs.

    train(job, channel)

It goes on from the newest checkpoint that is whole, so starting it again is how a training is resumed. Step s sees
batch s of the order, and all chance follows from (seed, step, place in the batch): a resumed training takes the very
steps that an undisturbed one takes.
"""

import time
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any

from torch import Tensor, nn

from infra import sharding
from infra.sharding import Sharded
from tasks.training.average import Average
from tasks.training.best import Best
from tasks.training.buffers import agree, buffers, copied, kept_buffers, put_back, statistics
from tasks.training.chance import chance
from tasks.training.checkpoints import Checkpoint, Writer, kept, state_of
from tasks.training.effort import effort_of
from tasks.training.feeding import Feeder, parts
from tasks.training.guarding import Guard
from tasks.training.job import Channel, Job, objective_of
from tasks.training.measures import Measures
from tasks.training.objective import Objective
from tasks.training.optimizers import make_optimizer, pace
from tasks.training.order import Order
from tasks.training.pacing import Pacing
from tasks.training.problems import Stop
from tasks.training.validating import Validating

AVERAGE = "average"


def train(job: Job, channel: Channel) -> dict[str, Any]:
    """Trains until the recipe's last step, or until the channel says stop; returns where it ended."""
    recipe = job.recipe
    sharding.begin()
    try:
        rank, world, device = sharding.rank(), sharding.world(), sharding.device()
        channel = channel if rank == 0 else Unheard(channel)
        share = _share(job, world)
        objective = objective_of(recipe)
        net = objective.build(job.windows, device)
        effort = effort_of(objective, net, job.windows, share, device, job.sharding.dtype)
        sharded = sharding.shard(
            net, partial(make_optimizer, recipe.optimizer), job.sharding, share // (job.micro or share)
        )
        average = Average(recipe.average, {**sharded.values(), **statistics(net)}, recipe.average_every)
        found, wrong = job.place.newest()
        done, guard = _resumed(job, sharded, net, average, found)
        channel.tell(
            {"kind": "begins", "step": done, "steps": recipe.steps, "world": world, "wrong": wrong,
             "device": device.type}
        )  # fmt: skip
        order = Order([recipe.frames] * len(job.windows), recipe.batch, recipe.seed)
        feeder = Feeder(job.windows, order, range(done, recipe.steps), rank, world, job.loaders, device)
        best = Best(job.place, done, job.validator.higher_is_better if job.validator else True)
        saver = Saver(
            job, sharded, net, objective, average, guard, channel, Writer(job.place, rank, world), best
        )
        pacing = Pacing(rank, world)
        validating = Validating(job, net, sharded, objective, average, channel)
        step, stopped = done, False
        for step, batch in enumerate(feeder, done):
            started = time.perf_counter()
            for group in sharded.optimizer.param_groups:
                group["lr"] = group["base"] * pace(step, recipe.steps, recipe.optimizer)
            measures, before = Measures(), copied(net)
            for first, some in zip(range(0, share, job.micro or share), parts(batch, job.micro), strict=True):
                places = range(rank + first * world, rank + (first + len(some["id"])) * world, world)
                loss = objective.loss(
                    sharded.module, some, [chance(recipe.seed, step, one) for one in places]
                )
                sharded.backward(loss.value)
                measures.add(loss)
            busy = time.perf_counter() - started + feeder.waited_s
            stepped = sharded.step(recipe.optimizer.longest, guard.most)
            if not stepped.taken:
                put_back(net, before)
            elif average.due(step):
                average.update(step, {**sharded.values(), **statistics(net)})
            seen = measures.over_ranks(channel.stopping())
            # Of all workers' samples: which of them held the bad one is not known.
            ids = [] if stepped.taken else [job.windows.ids[one] for one in order.batch(step)]
            why = guard.saw(step, stepped.norm, stepped.taken, ids)
            seconds = time.perf_counter() - started + feeder.waited_s
            channel.tell(
                {
                    "kind": "step", "step": step + 1, **seen.means, "norm": stepped.norm, "left_out": why,
                    "rate": pace(step, recipe.steps, recipe.optimizer), "samples": recipe.batch,
                    "ids": ids,
                    "seconds": seconds, "waited": feeder.waited_s, **effort.of(seconds),
                }
            )  # fmt: skip
            if said := objective.notice(step + 1, seen.means):
                channel.tell({"kind": "warning", "step": step + 1, "text": said})
            for text in pacing.saw(busy, feeder.waited_s, seconds):
                channel.tell({"kind": "warning", "text": text})
            stopped = seen.anybody_stops
            last = step + 1 == recipe.steps
            looked = validating.due(step + 1) and (last or not stopped)
            metrics = validating(step + 1) if looked else {}
            if last or stopped or looked or (step + 1) % recipe.save_every == 0:
                saver.save(step + 1, metrics)
            if stopped:
                break
        saver.close()
        return {"step": min(step + 1, recipe.steps), "stopped": stopped and step + 1 < recipe.steps}
    finally:
        sharding.end()


class Unheard:
    """The channel of all workers but the first, who tells what is true of them all."""

    def __init__(self, channel: Channel):
        self.stopping = channel.stopping

    def tell(self, event: dict[str, Any]) -> None:
        """Says nothing."""


def _share(job: Job, world: int) -> int:
    """How many samples of a batch are one worker's."""
    share, rest = divmod(job.recipe.batch, world)
    if rest or (job.micro and share % job.micro):
        raise Stop(
            f"a batch of {job.recipe.batch} can't be dealt evenly to {world} workers"
            + (f" that take {job.micro} at a time" if job.micro else "")
            + "; change batch, or the profile's workers"
        )
    return share


def _resumed(
    job: Job, sharded: Sharded, net: nn.Module, average: Average, found: Checkpoint | None
) -> tuple[int, Guard]:
    if found is None:
        return 0, Guard(job.recipe.guards)
    read = state_of(found)
    sharded.load(lambda name: {key: one for key, one in read(name).items() if key != AVERAGE})
    saved = {name: read(name) for name in buffers(net)}  # older checkpoints hold none: those never change
    put_back(net, {name: tensors["value"] for name, tensors in saved.items() if tensors})
    if average.decay:
        average.load({name: read(name)[AVERAGE] for name in average.values if saved.get(name, True)})
    return found.step, Guard(job.recipe.guards, list(found.note["norms"]))


class Saver:
    """Copies what a checkpoint needs, lets it be written, and removes those that are not kept."""

    def __init__(
        self, job: Job, sharded: Sharded, net: nn.Module, objective: Objective, average: Average, guard: Guard,
        channel: Channel, writer: Writer, best: Best,
    ):  # fmt: skip
        self.job, self.sharded, self.net, self.objective, self.average = job, sharded, net, objective, average
        self.guard, self.channel, self.writer, self.best = guard, channel, writer, best

    def save(self, step: int, metrics: Mapping[str, float]) -> None:
        """Starts to write the checkpoint after so many steps; every worker calls it, the first with its metrics."""
        state: dict[str, Tensor] = {}
        weights: dict[str, Tensor] = {}
        agree(self.net, self.average)
        for number, (name, tensors) in enumerate(chain(self.sharded.tensors(), kept_buffers(self.net))):
            averaged = self.average.values.get(name, tensors["value"]).cpu().clone()
            weights[name] = averaged
            if number % self.writer.world == self.writer.rank:
                whole = {**tensors, AVERAGE: averaged} if self.average.decay else tensors
                state |= {f"{name}|{key}": one.contiguous() for key, one in whole.items()}
        self.writer.wait()  # the one before may be the best one yet
        note = {
            "samples": step * self.job.recipe.batch,
            "norms": list(self.guard.norms),
            "recipe": self.job.recipe.model_dump(mode="json"),
            "at": time.time(),
            "metrics": dict(metrics),
            "best": self.best.beats(metrics),
        }
        about = {**self.job.about, "step": str(step), **self.objective.about()}
        self.writer.write(step, state, self._exported(weights), about, note, self._written)

    def _exported(self, weights: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """All that a network is loaded from, by its names there: what was trained, and what was not."""
        if self.writer.rank:
            return None
        net = getattr(self.sharded.module, "inner", self.sharded.module)
        net = getattr(net, "module", net)
        named = {name: self.objective.name_in_file(name) for name in net.state_dict()}
        own = {name: called for name, called in named.items() if called is not None}
        others = {
            called: one.detach().cpu().clone()
            for name, one in net.state_dict().items()
            if (called := own.get(name)) and name not in weights
        }
        return {**others, **{own[name]: one.contiguous() for name, one in weights.items() if name in own}}

    def _written(self, checkpoint: Checkpoint) -> None:
        self.channel.tell(
            {"kind": "checkpoint", "step": checkpoint.step, "folder": checkpoint.folder, **checkpoint.note}
        )
        self.best.take(checkpoint.note)
        there = self.job.place.there()
        for step in set(there) - kept(there, self.job.recipe.keep, self.best.step) - self.job.spared:
            self.job.place.remove(step)
            self.channel.tell({"kind": "dropped", "step": step})

    def close(self) -> None:
        """Waits for the last one."""
        self.writer.close()
