"""Runs the trainings of a plan by the product's own driver: one that is finished is reused, one that ended is resumed."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from flows.errors import TrainingFailed
from flows.foreground.training import heed, prepare, starting
from flows.reproduce.plan import Planned
from flows.terminal.console import problems, waiting
from flows.terminal.live_training import TrainingView
from flows.training.checked import check
from flows.training.driver import Training
from flows.training.recipes import recipe_of
from flows.training.request import TrainRequest
from flows.training.stopping import stopped_by_signals
from infra.profiles import Profile
from storage.ledger.catalog import Catalog
from storage.trainings.reading import trainings
from storage.trainings.records import FINISHED

Tell = Callable[[Mapping[str, Any]], None]


def finished(catalog: Catalog) -> set[str]:
    """Names of the trainings that have reached their last step."""
    return {one.run for one in trainings(catalog) if one.state == FINISHED}


def train(planned: Planned, catalog: Catalog, profile: Profile, quiet: bool) -> bool:
    """Trains to the end, or goes on; False when a person stopped it: a checkpoint is then written."""
    running = Training(request_of(planned, catalog, profile))
    with nullcontext() if quiet else waiting("Checking"):
        findings = check(running)
    heed(findings)
    with running, TrainingView() as view:
        prepare(running)
        tell: Tell = (lambda _: None) if quiet else view.hear
        with stopped_by_signals(problems.print) as stop, nullcontext() if quiet else starting():
            ended = running.run(tell, stop)
    if ended.state == "failed":
        raise TrainingFailed(
            f"training {planned.name} failed: {ended.message}; the same command goes on from its newest checkpoint"
        )
    return ended.state == "finished"


def request_of(planned: Planned, catalog: Catalog, profile: Profile) -> TrainRequest:
    """One that is known goes on with the recipe and the data it began with."""
    known = {one.run: one for one in trainings(catalog)}.get(planned.name)
    recipe = recipe_of(known.kind, known.recipe) if known else planned.recipe
    return TrainRequest(
        planned.kind,
        catalog.root,
        recipe,
        "mini",
        profile,
        planned.data,
        planned.name,
        resumes=known is not None,
    )
