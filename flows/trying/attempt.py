"""One try: a recipe's stages over a few files, in a catalog of its own, of which nothing is published.

with Attempt(asked) as attempt:
    for ended in attempt.run(tell): ...     # a stage at a time
    attempt.chosen                          # its rows, as a rebuild selects them
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.recipes import Recipe
from flows.run.footage import check_not_the_world, refuse, unsuited
from flows.run.graph import nodes_of, stages_of
from flows.run.pipeline import build_jobs
from flows.trained_weights import pinned
from flows.trying.inline import Tell, run_job
from flows.trying.lacking import check_complete
from infra.engine.jobs import Job, Work
from infra.profiles import load_profile
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import Node
from storage.ledger.selection import Selection, select
from storage.sources import Listing, list_sources
from storage.store import Store
from tasks.ingest import Ingest
from tasks.partner import PartnerConfig
from tasks.probe import Probe, ProbeConfig
from tasks.stage import StageConfig

PAGE, TABLES = "index.html", "catalog"


@dataclass(frozen=True)
class Asked:
    """What a person wants to see tried."""

    files: str
    folder: Path
    recipe: Recipe
    recipe_name: str
    overrides: tuple[str, ...] = ()
    first: int = 3
    """Files that are tried, of a folder."""
    seconds: float = 30.0
    """How much of a long file is looked at, about."""
    anyway: str = ""


@dataclass(frozen=True)
class StageEnded:
    """A stage is through: what it computed now, and how long that took."""

    node: Node
    computed: int
    seconds: float


class Attempt:
    """Holds the lock of its catalog while it is open."""

    def __init__(self, asked: Asked) -> None:
        check_folder(asked.folder)
        self.catalog = Catalog(str(asked.folder / TABLES), Store())
        self.asked = replace(asked, recipe=fitted(pinned(self.catalog, asked.recipe), asked.seconds))
        self.stages = stages_of(self.asked.recipe)
        check_complete(self.asked.recipe, self.stages, asked.recipe_name, asked.overrides)
        self.nodes = nodes_of(self.stages)
        self.run_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
        self.listing, self.listed = _first(list_sources(asked.files, Store(), compare=False), asked.first)
        self.chosen: dict[str, Selection] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Refuses footage that the models don't know before anything is written."""
        if not self.asked.anyway.strip():
            check_not_the_world(self.stages, self.listing, self.catalog.store)
            if found := unsuited(self.stages, self.listing, self.catalog.store):
                refuse(found, self.asked.recipe_name)
        self.asked.folder.mkdir(parents=True, exist_ok=True)
        self._open.enter_context(self.catalog.lock(self.run_id))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        how = "stopped" if kind is KeyboardInterrupt else "failed" if error else "finished"
        self._log(how, str(error or ""))
        self._open.close()

    def run(self, tell: Tell) -> Iterator[StageEnded]:
        """Stage by stage, in the recipe's order."""
        self.catalog.add_sources(self.listing, self.run_id)
        self.catalog.record(self.nodes)
        self._log("started", self.asked.anyway)
        ids = [source.id for source in (*self.listing.sources, *(one for one, _, _ in self.listing.rejected))]
        before = select(self.catalog, self.nodes, ids)
        jobs, _ = build_jobs(
            self.catalog, self.stages, self.nodes, before, load_profile("laptop"), self.run_id, {}, {}
        )
        for place, (node, job) in enumerate(zip(self.nodes, jobs, strict=True)):
            began = time.monotonic()
            computed = run_job(job, tell, lambda work, job=job: self._wanted(job, work))  # type: ignore[misc]
            self.chosen = select(self.catalog, self.nodes[: place + 1], ids)
            yield StageEnded(node, computed, time.monotonic() - began)

    def _wanted(self, job: Job, work: Work) -> bool:
        """Of a long file only the first part is looked at."""
        if job.name != Ingest.name:
            return True
        probe = next(node for node in self.nodes if node.name == Probe.name)
        (row,) = self.catalog.table(probe).read([work.payload[0]], ["part"])
        return bool(row["part"] == 0)

    def _log(self, event: str, message: str) -> None:
        self.catalog.log_run(
            run=self.run_id, event=event, recipe=self.asked.recipe_name, profile="laptop", sources=self.asked.files,
            flow_run="", git_commit="", fingerprints=[node.fingerprint for node in self.nodes], message=message,
        )  # fmt: skip


def fitted(recipe: Recipe, seconds: float) -> Recipe:
    """The same recipe, where nobody has set it otherwise: short parts, and a clip that is alone is its own partner."""
    changes: dict[str, StageConfig] = {}
    if recipe.probe.part_seconds == ProbeConfig().part_seconds:
        changes["probe"] = recipe.probe.model_copy(update={"part_seconds": float(seconds)})
    if recipe.partner.alone == PartnerConfig().alone:
        changes["partner"] = recipe.partner.model_copy(update={"alone": "same_clip"})
    return recipe.model_copy(update=changes)


def check_folder(folder: Path) -> None:
    """What is written over is what an earlier try wrote."""
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file, and the page needs a folder: give another one with --out")
    if (folder / PAGE).exists() and not (folder / TABLES).exists():
        raise StorageError(
            f"{folder / PAGE} is there and no try has written it: give another folder with --out"
        )


def _first(listing: Listing, most: int) -> tuple[Listing, int]:
    """The first files, and how many there are in all; those refused at the door come last."""
    sources, refused = listing.sources[:most], listing.rejected[: max(0, most - len(listing.sources))]
    return Listing(sources, refused), len(listing.sources) + len(listing.rejected)
