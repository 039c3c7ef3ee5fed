"""What a training may be called, where its files lie, and how one name is held by one training at a time.

<catalog>/trainings/NAME/step-00001200/weights.safetensors     what others load: run:NAME@1200
<catalog>/trainings/NAME/best                                  a text file with the step of the best checkpoint
<catalog>/trainings/NAME/samples/, .../tensorboard/            what people look at: pictures of what it was validated on
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy, catalog_lock, holder

FOLDER = "trainings"
WEIGHTS = "weights.safetensors"
BEST = "best"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")

SAMPLES, TENSORBOARD = "samples", "tensorboard"


def check_name(run: str) -> str:
    """Returns the name, since a path and a reference are made of it, or refuses it."""
    if not _NAME.fullmatch(run):
        raise StorageError(
            f"{run!r} is no name for a training: take up to 60 letters (a-z), digits, -, _ and ., a letter or digit first"
        )
    return run


def made_name(kind: str) -> str:
    """A name for a training that nobody named."""
    return check_name(f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}")


def runs_uri(catalog: Catalog) -> str:
    """Where all trainings of a catalog have their files: what REDUB_RUNS names."""
    return f"{catalog.root}/{FOLDER}"


def run_uri(catalog: Catalog, run: str) -> str:
    return f"{runs_uri(catalog)}/{check_name(run)}"


def step_folder(step: int) -> str:
    return f"step-{step:08d}"


def checkpoint_place(run: str, step: int) -> str:
    """A checkpoint's folder, from the catalog's root."""
    return f"{FOLDER}/{run}/{step_folder(step)}"


@contextmanager
def training_lock(catalog: Catalog, run: str) -> Iterator[None]:
    """Holds a training's name, as long as it runs: a second one of that name is refused."""
    with ExitStack() as held:
        try:
            held.enter_context(catalog_lock(run_uri(catalog, run), run, catalog.store))
        except CatalogBusy as busy:
            raise _running(run, busy) from None
        yield


def training_holder(catalog: Catalog, run: str) -> CatalogBusy | None:
    """Who is at a training now, in words; None when nobody is. Only looks."""
    busy = holder(run_uri(catalog, run), catalog.store)
    return _running(run, busy) if busy else None


def _running(run: str, busy: CatalogBusy) -> CatalogBusy:
    return CatalogBusy(f"training {run}", busy.who, "being run")
