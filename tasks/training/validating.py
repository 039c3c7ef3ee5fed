"""Looks at a training from time to time: what its averaged weights do with what it does not learn from.

    found = validator(net, step)        # numbers, and pictures for people

The first worker looks, and the others wait for it where they next meet. A validated step has a checkpoint, whose note
holds the numbers; the best one is known from those notes, so a resumed training knows it, too.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from infra import sharding
from infra.sharding import Sharded
from storage.trainings.names import SAMPLES
from tasks.training.aside import aside
from tasks.training.average import Average
from tasks.training.buffers import buffers
from tasks.training.job import Channel, Job
from tasks.training.objective import Objective, Validation


class Validating:
    """When a training is looked at, and with which weights; every worker has one."""

    def __init__(
        self,
        job: Job,
        net: nn.Module,
        sharded: Sharded,
        objective: Objective,
        average: Average,
        channel: Channel,
    ):
        self.job, self.net, self.sharded, self.objective = job, net, sharded, objective
        self.average, self.channel = average, channel

    def due(self, step: int) -> bool:
        """Whether to look after so many steps."""
        every = self.job.recipe.validate_every
        last = step == self.job.recipe.steps
        return self.job.validator is not None and (last or bool(every and step % every == 0))

    def __call__(self, step: int) -> dict[str, float]:
        """Returns the metrics on the first worker, and none on the others; all of them call it.

        None either where the first, by which the best checkpoint is chosen, is not a finite number.
        """
        whole = self._whole() if self.job.sharding.zero == 3 else None
        if sharding.rank():
            return {}
        started = time.perf_counter()
        try:
            found = self._found(step, whole)
        except Exception as error:  # noqa: BLE001 - days of training are not given up for a look at them
            text = (
                f"the validation after step {step} failed ({type(error).__name__}: {error}); training goes on"
            )
            self.channel.tell({"kind": "warning", "text": text})
            return {}
        metrics = {name: float(value) for name, value in found.metrics.items() if math.isfinite(value)}
        pictures = {name: self._kept(step, name, data) for name, data in found.pictures.items()}
        seconds = time.perf_counter() - started
        self.channel.tell(
            {"kind": "validation", "step": step, "metrics": metrics, "pictures": pictures, "seconds": seconds}
        )
        return metrics if next(iter(found.metrics), "") in metrics else {}

    def _found(self, step: int, whole: Mapping[str, Tensor] | None) -> Validation:
        assert self.job.validator is not None
        with aside(self.sharded.module), self._lent(whole) as net:
            return self.job.validator(net, step)

    @contextmanager
    def _lent(self, whole: Mapping[str, Tensor] | None) -> Iterator[nn.Module]:
        """The network with averaged weights; where each worker holds a piece of it only, one made for this."""
        if whole is None:
            with self.average.put_into(self.net):
                yield self.sharded.module
            return
        net = self.objective.build(self.job.windows, sharding.device()).eval()
        for name, own in (*net.named_parameters(), *net.named_buffers()):
            if name in whole:
                own.copy_(whole[name])
        yield net

    def _whole(self) -> dict[str, Tensor]:
        values = {name: tensors["value"] for name, tensors in self.sharded.tensors()}
        return values | buffers(self.net) | dict(self.average.values)

    def _kept(self, step: int, name: str, data: bytes) -> str:
        """Writes a picture, and returns its place."""
        uri = f"{self.job.root}/{SAMPLES}/{step:08d}-{name}"
        fs, path = self.job.store.filesystem(uri)
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        fs.pipe_file(path, data)
        return uri
