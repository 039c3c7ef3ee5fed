"""Checkpoints: written beside the training, each whole or not there at all, and checked by digest when read.

    step-00000120/state-0-of-2.safetensors     what a training goes on from: values, optimizer, average
    step-00000120/weights.safetensors          what everybody else loads: the averaged weights
    step-00000120/checkpoint.json              step, samples, digests of the files; written last

A folder without checkpoint.json is what a killed training left, and is passed over. Each worker writes its part of
the state, whole tensors in turn, so another number of workers can read them. A folder may lie on an object store.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from storage.store import Store

NOTE, WEIGHTS = "checkpoint.json", "weights.safetensors"
PATIENCE_S = 900
"""So long the first worker waits for the others' parts."""
VALUE = "|"
"""Between a parameter's name and that of one of its tensors."""


class CheckpointError(ValueError):
    """A checkpoint can't be written or read; says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint that is whole."""

    folder: str
    note: Mapping[str, Any]
    store: Store = field(default_factory=Store)

    @property
    def step(self) -> int:
        """Steps that were done."""
        return int(self.note["step"])


@dataclass(frozen=True)
class Place:
    """Where a training's checkpoints lie."""

    root: str
    store: Store = field(default_factory=Store)

    def folder(self, step: int) -> str:
        """Returns the folder of a step."""
        return f"{self.root}/step-{step:08d}"

    def there(self) -> list[int]:
        """Returns the steps of which something is there, newest first."""
        fs, path = self.store.filesystem(self.root)
        if not fs.exists(path):
            return []
        names = [str(one).rstrip("/").rpartition("/")[2] for one in fs.ls(path, detail=False)]
        return sorted((int(name[5:]) for name in names if name.startswith("step-")), reverse=True)

    def read(self, step: int) -> Checkpoint | None:
        """Returns a checkpoint whose note is there; None for what a killed training left."""
        fs, path = self.store.filesystem(f"{self.folder(step)}/{NOTE}")
        if not fs.exists(path):
            return None
        try:
            return Checkpoint(self.folder(step), json.loads(fs.cat_file(path)), self.store)
        except ValueError as error:
            raise CheckpointError(f"{self.folder(step)}/{NOTE} is damaged: {error}") from error

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Returns the newest checkpoint whose files are what they were, and what is wrong with those after it."""
        wrong: list[str] = []
        for step in self.there():
            try:
                found = self.read(step)
                if found is not None:
                    check(found)
                    return found, wrong
            except CheckpointError as error:
                wrong.append(str(error))
        return None, wrong

    def remove(self, step: int) -> None:
        """Removes a checkpoint, its note first: half of one is none."""
        fs, path = self.store.filesystem(self.folder(step))
        if fs.exists(f"{path}/{NOTE}"):
            fs.rm(f"{path}/{NOTE}")
        fs.rm(path, recursive=True)


def check(checkpoint: Checkpoint) -> None:
    """Refuses a checkpoint of which a file is not what was written."""
    fs, path = checkpoint.store.filesystem(checkpoint.folder)
    for name, wanted in checkpoint.note["files"].items():
        if not fs.exists(f"{path}/{name}"):
            raise CheckpointError(f"{checkpoint.folder}/{name} is missing")
        found = digest_of(fs.cat_file(f"{path}/{name}"))
        if found != wanted:
            raise CheckpointError(
                f"{checkpoint.folder}/{name} is not what was written (sha256 {found[:12]}, was {wanted[:12]}): "
                "it is truncated or was changed"
            )


def state_of(checkpoint: Checkpoint) -> Callable[[str], dict[str, Tensor]]:
    """Returns a function from a parameter's name to its tensors."""
    places: dict[str, list[tuple[Path, str]]] = {}
    for name in checkpoint.note["files"]:
        if name.startswith("state-"):
            file = _local(checkpoint, name)
            with safe_open(file, "pt") as opened:
                for key in opened.keys():  # noqa: SIM118
                    places.setdefault(key.partition(VALUE)[0], []).append((file, key))

    def read(parameter: str) -> dict[str, Tensor]:
        found = {}
        for file, key in places.get(parameter, ()):
            with safe_open(file, "pt") as opened:
                found[key.partition(VALUE)[2]] = opened.get_tensor(key)
        return found

    return read


def _local(checkpoint: Checkpoint, name: str) -> Path:
    """The file itself, or a copy of an object."""
    fs, path = checkpoint.store.filesystem(f"{checkpoint.folder}/{name}")
    if fs.protocol == "file" or "file" in fs.protocol:
        return Path(path)
    copy = Path(tempfile.mkdtemp(prefix="redub-")) / name
    fs.get_file(path, str(copy))
    return copy


class Writer:
    """Writes checkpoints in a thread of its own: the training goes on meanwhile, one checkpoint at a time."""

    def __init__(self, place: Place, rank: int, world: int):
        self.place, self.rank, self.world = place, rank, world
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._last: Future | None = None

    def write(
        self,
        step: int,
        state: Mapping[str, Tensor],
        weights: Mapping[str, Tensor] | None,
        about: Mapping[str, Any],
        note: Mapping[str, Any],
        written: Callable[[Checkpoint], None],
    ) -> None:
        """Starts writing; waits for the one before. `weights` and `note` are the first worker's.

        `state` and `weights` are copies that nobody changes any more.
        """
        self.wait()
        self._last = self._thread.submit(self._write, step, state, weights, about, note, written)

    def wait(self) -> None:
        """Waits until what was started is written; raises what went wrong."""
        if self._last is not None:
            last, self._last = self._last, None
            try:
                last.result()
            except OSError as error:
                raise CheckpointError(
                    f"a checkpoint can't be written to {self.place.root}: {error}; the one before it is whole: make "
                    "room, and resume"
                ) from error

    def close(self) -> None:
        """Waits, and ends the thread."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

    def _write(self, step, state, weights, about, note, written) -> None:
        folder = self.place.folder(step)
        fs, path = self.place.store.filesystem(folder)
        fs.makedirs(path, exist_ok=True)
        name = f"state-{self.rank}-of-{self.world}.safetensors"
        part = {name: _put(fs, f"{path}/{name}", save(dict(state)))}
        if self.rank:
            _put(fs, f"{path}/{name}.json", json.dumps(part).encode())
            return
        if weights is not None:
            header = {"about": json.dumps(dict(about))}  # one entry: several would come in any order
            part[WEIGHTS] = _put(fs, f"{path}/{WEIGHTS}", save(dict(weights), header))
        for other in range(1, self.world):
            part |= _when_there(fs, f"{path}/state-{other}-of-{self.world}.safetensors.json")
        whole = {**note, "step": step, "world": self.world, "files": part}
        _put(fs, f"{path}/{NOTE}", json.dumps(whole, indent=1).encode())
        written(Checkpoint(folder, whole, self.place.store))


def _put(fs: Any, path: str, data: bytes) -> str:
    """Writes a file, whole or not at all, and returns its digest."""
    if "file" not in fs.protocol:
        fs.pipe_file(path, data)
        return digest_of(data)
    temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return digest_of(data)


def _when_there(fs: Any, path: str) -> dict[str, str]:
    until = time.monotonic() + PATIENCE_S
    while not fs.exists(path):
        if time.monotonic() > until:
            raise OSError(f"another worker's {path} has not come")
        time.sleep(0.05)
        fs.invalidate_cache()
    return dict(json.loads(fs.cat_file(path)))


def digest_of(data: bytes) -> str:
    """Returns the hex sha256."""
    return sha256(data).hexdigest()


def kept(steps: Iterator[int] | list[int], count: int, best: int | None) -> set[int]:
    """Returns the steps whose checkpoints are kept: the newest ones, and the best."""
    newest = sorted(steps, reverse=True)[:count]
    return {*newest, *([best] if best is not None else [])}
