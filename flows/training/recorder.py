"""Turns what a training tells into rows of the catalog: metrics, checkpoints, and batches that were left out."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from storage.ledger.catalog import Catalog
from storage.trainings.reading import checkpoints_of
from storage.trainings.records import Attempt, Written
from storage.trainings.writing import drop_checkpoint, write_checkpoint, write_metrics, write_skipped
from tasks.training.checkpoints import WEIGHTS

EVERY_S = 20.0
"""Metrics are committed this often: each commit is a file."""
NOT_MEASURED = ("kind", "step", "left_out", "ids", "attempt", "samples", "at")


def numbers_of(event: Mapping[str, Any]) -> dict[str, float]:
    """What a step has told of itself, and its pace."""
    values = {key: float(value) for key, value in event.items() if key not in NOT_MEASURED}
    return values | {"samples_per_s": event["samples"] / max(event["seconds"], 1e-9)}


class Recorder:
    """Of one attempt. What a killed driver didn't write, the next one does (`catch_up`)."""

    def __init__(self, catalog: Catalog, attempt: Attempt, epoch: Callable[[int], float], devices: int):
        self.catalog, self.attempt, self._epoch, self._devices = catalog, attempt, epoch, devices
        self._metrics: dict[int, dict[str, float]] = {}
        self._flushed = time.monotonic()
        self.seconds = 0.0
        """Of training so far, all attempts together."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Takes one event in."""
        if event.get("kind") == "step":
            self._step(event)
        elif event.get("kind") == "validation":
            self._metrics.setdefault(event["step"], {}).update(event["metrics"])
            self.seconds += event["seconds"]
        elif event.get("kind") == "checkpoint":
            self.flush()
            self.checkpoint(event)
        elif event.get("kind") == "dropped":
            drop_checkpoint(self.catalog, self.attempt, event["step"], "older than those that are kept")
        if time.monotonic() - self._flushed > EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Commits the metrics that wait."""
        write_metrics(self.catalog, self.attempt, self._metrics)
        self._metrics, self._flushed = {}, time.monotonic()

    def checkpoint(self, note: Mapping[str, Any]) -> None:
        """Writes the row of a checkpoint that is whole."""
        hours = self.seconds * self._devices / 3600
        written = Written(
            step=note["step"],
            samples=note["samples"],
            epoch=self._epoch(note["samples"]),
            digest=note["files"][WEIGHTS],
            seconds=self.seconds,
            device_hours=hours,
            metrics=note.get("metrics", {}),
            best=bool(note.get("best")),
        )
        write_checkpoint(self.catalog, self.attempt, written)

    def catch_up(self, notes: list[Mapping[str, Any]]) -> None:
        """Writes the rows of checkpoints whose files are there and whose rows a kill has prevented."""
        rows = checkpoints_of(self.catalog, self.attempt.run)
        known = {one.step for one in rows}
        self.seconds = max((one.seconds for one in rows), default=0.0)
        for note in sorted(notes, key=lambda one: one["step"]):
            if note["step"] not in known:
                self.checkpoint(note)

    def _step(self, event: Mapping[str, Any]) -> None:
        self.seconds += event["seconds"]
        self._metrics[event["step"]] = numbers_of(event)
        if event["left_out"]:
            write_skipped(self.catalog, self.attempt, event["step"], event["ids"], event["left_out"])
