"""Brings the weights of a checkpoint from an object store to this machine, into a folder that is named by their digest."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.names import WEIGHTS
from storage.trainings.reading import Checkpoint

BLOCK = 1 << 22


def bring_weights(catalog: Catalog, checkpoint: Checkpoint, into: Path) -> Path:
    """Returns the folder `into`/DIGEST, which then holds the file; it is copied and checked once."""
    return bring_file(catalog, f"{catalog.root}/{checkpoint.uri}/{WEIGHTS}", checkpoint.digest, into)


def bring_file(catalog: Catalog, uri: str, digest: str, into: Path) -> Path:
    """Returns the folder `into`/`digest`, which then holds the file as weights.safetensors."""
    folder = into / digest
    whole = folder / WEIGHTS
    if whole.is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{WEIGHTS}.{os.getpid()}"
    try:
        with part.open("wb") as target:
            copied(catalog, uri, digest, target)
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
    return folder


def copied(catalog: Catalog, uri: str, digest: str, target: Any) -> None:
    """Copies a file of weights into one that is open; one that is not what was written is refused."""
    hashed = sha256()
    try:
        with catalog.store.open(uri) as source:
            while block := source.read(BLOCK):
                hashed.update(block)
                target.write(block)
    except FileNotFoundError as error:
        raise StorageError(f"{uri} is gone: name another checkpoint (`redub runs` lists them)") from error
    if (found := hashed.hexdigest()) != digest:
        raise StorageError(
            f"{uri} is not what its training wrote: expected sha256 {digest}, found {found}; name "
            "another checkpoint of it (`redub runs show RUN` lists them)"
        )
