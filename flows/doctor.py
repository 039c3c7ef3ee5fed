"""`redub doctor`: can this machine run a recipe on a profile, and if not, what gets it there."""

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import fsspec
from rich.table import Table

from flows.node_differences import differences
from flows.recipe_files import load_recipe
from flows.recipe_weights import references_in, references_of
from flows.recipes import Recipe
from flows.run.graph import stages_of
from flows.run.request import check_needs
from flows.terminal.console import console, print_json, size
from flows.terminal.plain_text import escape
from flows.trained_weights import pinned
from infra.cluster import expected_resources, start
from infra.launch.assignment import check_room
from infra.launch.outcome import LaunchError
from infra.profiles import Profile, ProfileError, load_profile, needs_for
from infra.resources import Resources, cpus_here, gpus_here
from models.weights.known import called, find
from models.weights.references import ModelError, parse, resolve
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.store import Store
from tasks.stage import Stage

LIBRARIES = ("av", "ray", "prefect", "pylance", "pyarrow", "pydantic", "fsspec")
WANTED_DISK = 2 << 30
STARTING = (
    "A cluster starts with `ray start --head` on one machine, `ray start --address=HEAD:6379` on the others"
)


@dataclass(frozen=True)
class Finding:
    good: bool
    what: str
    remedy: str = ""


def examine(recipe: str, profile: str, catalog: str, as_json: bool = False) -> bool:
    """Print what was looked at, good or not; True when nothing is missing."""
    where = load_profile(profile)
    check_needs(where)
    if as_json:
        found = list(_findings(recipe, where, catalog))
        good = all(one.good for one in found)
        print_json({"recipe": recipe, "profile": where.name, "ready": good, "findings": found})
        return good
    console.print(f"Recipe [bold]{recipe}[/] on profile [bold]{where.name}[/]\n")
    good = True
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for finding in _findings(recipe, where, catalog):
        good &= finding.good
        table.add_row("[green]ok[/]" if finding.good else "[red]missing[/]", escape(finding.what))
        if finding.remedy:
            table.add_row("", escape(finding.remedy))
    console.print(table)
    console.print("\nReady." if good else "\nNot ready: see above.")
    return good


def _findings(recipe: str, profile: Profile, catalog: str) -> Iterator[Finding]:
    yield from _libraries()
    tables = Catalog(catalog, Store.told(profile.storage_options))
    if not profile.ray_address:
        yield from _machine(profile)
        yield from _training(profile, expected_resources(profile))
    yield from _place(tables)
    what = load_recipe(recipe)
    try:
        what = pinned(tables, what)
    except (ModelError, StorageError) as error:
        yield Finding(False, "weights of a training", str(error))
    for stage in stages_of(what).values():
        yield from _stage(stage, recipe)
        yield from _share(stage, profile)
    if profile.ray_address:
        yield from _cluster(profile, what, tables, recipe)
    else:
        yield from _memory(stages_of(what), profile, expected_resources(profile))


def _stage(stage: Stage, recipe: str) -> Iterator[Finding]:
    """Everything it lacks at once, so that one visit to the network is enough."""
    lacks = [
        Finding(False, f"stage {stage.name}: Python package {package}", remedy)
        for package, remedy in stage.packages().items()
        if importlib.util.find_spec(package) is None
    ]
    lacks += [finding for one in references_in(stage.config) if (finding := _weights(stage, one, recipe))]
    yield from lacks or [_complete(stage)]


def _share(stage: Stage, profile: Profile) -> Iterator[Finding]:
    """Whether a worker's part of a GPU holds its weights; what it computes with them comes on top."""
    gpus = needs_for(profile, stage.name, stage.needs).gpus
    known = [find(reference) for reference in references_in(stage.config)]
    weights = sum(one.size or 0 for one in known if one)
    if not (gpus and profile.gpu_memory_gb and weights):
        return
    share = gpus * profile.gpu_memory_gb * 1e9
    what = f"stage {stage.name}: {size(weights)} of weights, {gpus:g} GPU with {size(int(share))} a worker"
    good = weights < share
    remedy = f"raise needs.{stage.name}.gpus in a profile of your own, or take GPUs with more memory"
    yield Finding(good, what, "" if good else remedy)


def _weights(stage: Stage, reference: str, recipe: str) -> Finding | None:
    try:
        resolve(reference)
    except ModelError as error:
        remedy = f"redub models pull --recipe {recipe}" if parse(reference) else str(error)
        return Finding(False, f"stage {stage.name}: weights {called(reference)}", remedy)
    return None


def _complete(stage: Stage) -> Finding:
    try:
        found = stage.weights()
    except ModelError as error:
        return Finding(False, f"stage {stage.name}: weights", str(error))
    weights = ", ".join(f"{called(k)} {v[:12]}" for k, v in found.items()) or "no weights needed"
    return Finding(True, f"stage {stage.name}: code {stage.version}, {weights}")


def _libraries() -> Iterator[Finding]:
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, f"Python package {name}", "uv sync  (or: pip install redub)")
    yield Finding(True, "packages: " + ", ".join(found))


def _machine(profile: Profile) -> Iterator[Finding]:
    have = cpus_here()
    enough = profile.cpus is None or profile.cpus <= have
    yield Finding(
        enough,
        f"{have} CPUs here" + (f", the profile wants {profile.cpus:.0f}" if profile.cpus else ""),
        "" if enough else "run it on a larger machine, or copy the profile to your own file with fewer cpus",
    )
    gpus = gpus_here()
    if profile.gpus:
        good = gpus >= profile.gpus
        remedy = (
            "" if good else "use --profile laptop, or install the NVIDIA driver (nvidia-smi lists the GPUs)"
        )
        yield Finding(good, f"{gpus} GPUs here, the profile wants {profile.gpus}", remedy)


def _training(profile: Profile, there: Resources) -> Iterator[Finding]:
    wants = profile.training
    what = f"training: {wants.fewest} x ({wants.cpus:g} CPU, {wants.gpus} GPU)"
    try:
        check_room(profile, there)
    except LaunchError as error:
        yield Finding(False, what, str(error))
    else:
        yield Finding(True, f"{what}, {wants.dtype}")


def _memory(stages: Mapping[str, Stage], profile: Profile, there: Resources) -> Iterator[Finding]:
    """A stage that wants more than there is runs all the same; that it does so alone is said."""
    for name, stage in stages.items():
        wants = needs_for(profile, name, stage.needs)
        if (gets := there.scaled(wants)) != wants:
            said = f"wants {wants.memory_gb:g} GB of memory a worker, no machine has more than {gets.memory_gb:.1f} GB"
            yield Finding(
                True, f"stage {name}: {said}; it gets those, beside no other stage that wants memory"
            )


def _cluster(profile: Profile, what: Recipe, catalog: Catalog, recipe: str) -> Iterator[Finding]:
    """Joined as a rebuild joins it, and every node asked what it would compute with."""
    name = f"Ray cluster {profile.ray_address!r}"
    try:
        with start(profile) as there:
            yield Finding(True, f"{name}: {len(there.nodes)} nodes, {there.cpus:g} CPUs, {there.gpus} GPUs")
            yield from _training(profile, there)
            yield from _memory(stages_of(what), profile, there)
            for one in differences(profile, references_of(what), catalog, recipe):
                yield Finding(not one.remedy, one.what, one.remedy)
    except ProfileError as error:
        yield Finding(False, name, f"{error}. {STARTING}")


def _place(catalog: Catalog) -> Iterator[Finding]:
    if "://" in catalog.root:
        yield _object_store(catalog)
        return
    there = Path(catalog.root)
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        remedy = "get the right to write there, or choose another place with --catalog; looking needs none"
        yield Finding(False, f"catalog {catalog.root}: {there} can only be read", remedy)
    good = free > WANTED_DISK
    remedy = (
        ""
        if good
        else f"free some space, or choose another place with --catalog ({size(WANTED_DISK)} wanted)"
    )
    yield Finding(good, f"catalog {catalog.root}: {size(free)} free", remedy)
    if busy := catalog.holder():
        yield Finding(True, str(busy))


def _object_store(catalog: Catalog) -> Finding:
    scheme = catalog.root.split("://")[0]
    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        return Finding(False, f"file system {scheme}://", f"{error}")
    return Finding(True, f"file system {scheme}:// for {catalog.root}")
