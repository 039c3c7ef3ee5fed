"""Brings the weights of a checkpoint from an object store to this machine, into a folder that is named by their digest."""

import os
from hashlib import sha256
from pathlib import Path

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.names import WEIGHTS
from storage.trainings.reading import Checkpoint

BLOCK = 1 << 22


def bring_weights(catalog: Catalog, checkpoint: Checkpoint, into: Path) -> Path:
    """Returns the folder `into`/DIGEST, which then holds the file; it is copied and checked once."""
    folder = into / checkpoint.digest
    whole, uri = folder / WEIGHTS, f"{catalog.root}/{checkpoint.uri}/{WEIGHTS}"
    if whole.is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{WEIGHTS}.{os.getpid()}"
    try:
        found = _copied(catalog, uri, part)
        if found != checkpoint.digest:
            raise StorageError(
                f"{uri} is not what its training wrote: expected sha256 {checkpoint.digest}, found {found}; name "
                "another checkpoint of it (`redub runs show RUN` lists them)"
            )
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
    return folder


def _copied(catalog: Catalog, uri: str, to: Path) -> str:
    """Its sha256."""
    hashed = sha256()
    try:
        with catalog.store.open(uri) as source, to.open("wb") as target:
            while block := source.read(BLOCK):
                hashed.update(block)
                target.write(block)
    except FileNotFoundError as error:
        raise StorageError(f"{uri} is gone: name another checkpoint (`redub runs` lists them)") from error
    return hashed.hexdigest()
