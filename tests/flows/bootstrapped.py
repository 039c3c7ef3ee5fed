"""A bootstrap that is done but for its promotion: real clips and pairs of two people, trainings as rows with files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.bootstrapping.asked import EXPERTS, GENERATOR, LIP, STRUCTURE, TRAINED, Asked
from flows.bootstrapping.made import Made
from flows.bootstrapping.steps import Step
from flows.demo.corpus import SHORT, make_corpus
from flows.run.graph import stages_of
from flows.trained_weights import pinned
from models.weights.references import resolve
from storage.ledger.catalog import Catalog
from storage.trainings.records import FINISHED, Setup
from storage.trainings.writing import finish_training, start_training
from tests.flows.promoting import checkpoint, editor_file, expert_file
from tests.toy.inline import run_inline

ALL = ["pairverdict.identity=-1.0", "pairverdict.lip_distance=0.0", "relight=off"]
"""Of clips of 64 pixels every pair counts."""
HELD_OUT = ["speakers.shares={train: 0.5, val: 0.5}"]
FILMED: dict[str, Any] = {
    "width": 128, "height": 96, "min_seconds": 2.0, "max_seconds": 2.4, "occluded": 0.0, "close": 1.0,
}  # fmt: skip
"""Takes of four people, of whom one is held out, as small as every stage and training has something to do on them."""
POOR = {"psnr_lips": 12.0}


def quick(steps: Mapping[str, int]) -> dict[str, list[str]]:
    """Settings of all phases with which a bootstrap is over in minutes. A phase takes two steps where it isn't said.

    Of clips of 64 pixels every pair counts, and no teacher hears that they are in sync.
    """
    taken = {kind: [f"steps={steps.get(kind, 2)}", "validate_on=1", "save_every=2"] for kind in TRAINED}
    cropped = {kind: [*taken[kind], "crop=8"] for kind in (GENERATOR, STRUCTURE)}
    return {"rebuild": ALL, **taken, **cropped, LIP: [*taken[LIP], "least_in_sync=0"]}


class Idle:
    """Hands of somebody who may only take what costs nothing."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def rebuild(self, asked: Asked, settings: Sequence[str]) -> str | None:
        raise AssertionError("a rebuild that was done is done again")

    def train(self, asked: Asked, kind: str, data: str, init: str) -> bool:
        raise AssertionError(f"{kind} on {data} is trained")

    def say(self, what: str) -> None:
        raise AssertionError(f"{what}, though it was let through when it began")

    def take(self, step: Step, work: Callable[[], Made | None]) -> Made | None:
        self.taken.append(step.name)
        return work()


def asked_for(folder: Path, **more: object) -> Asked:
    given: dict[str, object] = {"recipe": "world", "overrides": {"rebuild": ALL}, "budget": "toy"}
    return Asked("b", str(folder / "videos"), str(folder / "catalog"), **given | more)  # type: ignore[arg-type]


def make_clips(folder: Path, more: Sequence[str] = ()) -> None:
    """Some ten seconds: a version without pairs."""
    make_corpus(folder / "videos", people=2, takes=2, broken=0, **SHORT)
    asked = asked_for(folder, overrides={"rebuild": [*ALL, *more]})
    run_inline(folder / "videos", folder / "catalog", stages_of(asked.clips()), batch=4)


def make_rest(folder: Path) -> None:
    """The generator is the shipped one under a training's name, and paints real pairs; editors are of random numbers."""
    asked = asked_for(folder)
    generator = Path(resolve("mini:generator"))
    trained(asked, GENERATOR, "v1", generator.read_bytes())
    pairs = pinned(asked.tables, asked.pairs("run:b-generator@20"))
    run_inline(folder / "videos", folder / "catalog", stages_of(pairs), batch=4)
    over = trained(asked, STRUCTURE, "v2", editor_file())
    for kind in EXPERTS:
        trained(asked, kind, "v2", expert_file(folder, kind), f"run:b-structure@20 {over}")


def trained(asked: Asked, kind: str, data: str, weights: bytes, over: str = "") -> str:
    """A finished training of the bootstrap, with one checkpoint; returns its digest."""
    init = over.partition(" ")[0]
    recipe = asked.training(kind, init).model_dump(mode="json")
    catalog = Catalog(asked.catalog)
    parents = [over] if over else []
    setup = Setup(asked.run(kind), kind, recipe, data, "c0ffee", parents, init)
    attempt = start_training(catalog, setup)
    digest = checkpoint(catalog, attempt, 20, weights, POOR, best=True)
    finish_training(catalog, attempt, FINISHED)
    return digest
