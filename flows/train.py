"""Trainings as Prefect flows: one flow run a training, triggered from the UI, by a schedule, or by a new version.

What the Prefect UI shows: a short form, progress, and at the end the curves, the newest samples and what to do with
the weights. Cancelling a run writes a checkpoint and frees its CPUs and GPUs; running it again with the same name
goes on from there.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import Flow, flow, get_run_logger, runtime
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.states import Cancelled, Failed, State

from flows.errors import RecipeError, TrainingRefused
from flows.terminal.live_training import TrainingView
from flows.training.checked import check, check_data, refuse_if_wrong, to_be_rendered
from flows.training.driver import Training
from flows.training.recipes import TRAININGS, called, load_training, recipe_of
from flows.training.request import TrainRequest
from flows.training.stopping import stopped_by_signals
from infra.launch.outcome import Ended, LaunchError
from infra.profiles import ProfileError, load_profile
from infra.resources import cpus_here
from models.weights.references import ModelError
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy
from storage.store import Store
from storage.trainings.reading import trainings

EVERY_STEPS = 10
"""Steps from one update of the progress to the next."""
KINDS = {".png": "png", ".jpg": "jpeg"}
LARGEST = 400_000
"""Bytes of a picture that a page holds."""
QUIET_S = 60.0
"""So long nothing is reported to a server that was away."""
REFUSALS = (RecipeError, TrainingRefused, ProfileError, ModelError, StorageError, LaunchError)


FORM = """{what}

Args:
    catalog: Folder or object-store prefix that holds the tables.
    data: A version (v3), or world:people=400; empty for the newest version.
    recipe: What to compute: {recipes}, or a .toml file of yours.
    overrides: Settings to change, such as steps=500 or optimizer.rate=1e-4.
    profile: Where to compute: laptop, a100x32, h100x8, gpu24g, or your own file.toml#name.
    run: Its name; one that is known goes on from its newest checkpoint.
"""


def training_flow(kind: str, what: str) -> Flow[..., Any]:
    """Makes the flow of a kind of training. The form of each is the same, but for what it says of the kind."""

    def train(
        catalog: str = "redub-data/catalog",
        data: str = "",
        recipe: str = "mini",
        overrides: tuple[str, ...] = (),
        profile: str = "laptop",
        run: str = "",
    ) -> Any:
        return _train(kind, catalog, data, recipe, overrides, profile, run)

    train.__name__ = train.__qualname__ = f"train_{kind}"  # Prefect finds it by this name
    train.__doc__ = FORM.format(what=what, recipes=", ".join(TRAININGS[kind]))
    return flow(name=f"train-{kind}", validate_parameters=True)(train)


train_generator = training_flow("generator", "Train the generator on a version of a catalog.")
train_structure = training_flow(
    "structure", "Train the editor, first phase: all of it, on a version of pairs."
)
train_lip = training_flow(
    "lip", "Train the editor's lip expert over a structure editor: overrides must have init=run:NAME."
)
train_texture = training_flow(
    "texture", "Train the editor's texture expert over a structure editor: overrides must have init=run:NAME."
)
train_syncnet = training_flow("syncnet", "Train SyncNet on a version of a catalog.")


def _train(
    kind: str, catalog: str, data: str, recipe: str, overrides: Sequence[str], profile: str, run: str
) -> State[Any] | dict[str, Any]:
    """What is refused is told in the run's state, in one sentence."""
    try:
        request = _request(kind, catalog, data, recipe, overrides, profile, run)
        with Training(request) as training:
            ended = _watched(training)
    except CatalogBusy as busy:
        return Cancelled(message=f"refused: {busy}")
    except REFUSALS as refusal:
        return Failed(message=f"refused: {refusal}")
    return _state(training, ended)


def _request(
    kind: str, catalog: str, data: str, recipe: str, overrides: Sequence[str], profile: str, run: str
) -> TrainRequest:
    """A name that is known is resumed, with the recipe and the data it began with."""
    where = load_profile(profile)
    flow_run = str(runtime.flow_run.name or "")
    known = {one.run: one for one in trainings(Catalog(catalog, Store.told(where.storage_options)))}.get(run)
    if known is None:
        what = load_training(kind, recipe, overrides)
        return TrainRequest(kind, catalog, what, recipe, where, data, run, flow_run=flow_run)
    if known.kind != kind:
        raise StorageError(
            f"training {run} is a {called(known.kind)}, not a {called(kind)}; give another name"
        )
    what = recipe_of(kind, known.recipe)
    return TrainRequest(kind, catalog, what, recipe, where, known.data, run, resumes=True, flow_run=flow_run)


def _watched(training: Training) -> Ended:
    logger, view, name, reported = get_run_logger(), TrainingView(), key_of(training.name), Reports()
    _made_ready(training)
    progress: Any = create_progress_artifact(
        0.0, key=f"training-{name}", description=f"{training.name}: starting"
    )

    def tell(event: Mapping[str, Any]) -> None:
        view.hear(event)
        if event.get("kind") in ("validation", "warning", "checkpoint"):
            logger.info("%s", _line(event))
        if event.get("kind") == "validation":
            reported(create_markdown_artifact, _samples(training, event), key=f"training-{name}-samples")
        if event.get("kind") == "step" and (event["step"] % EVERY_STEPS == 0 or event["step"] == view.steps):
            text = f"{training.name}: step {event['step']} of {view.steps}, {view.summary(event['step'])}"
            reported(
                update_progress_artifact,
                progress,
                progress=100 * event["step"] / view.steps,
                description=text,
            )

    logger.info(
        "training %s on %s, %d windows", training.name, training.data.name, len(training.data.windows)
    )
    with stopped_by_signals(logger.warning) as stop:
        ended = training.run(tell, stop)
    reported(create_table_artifact, _rows(training, ended), key=f"training-{name}-end")
    reported(create_markdown_artifact, _page(training, ended), key=f"training-{name}-page")
    return ended


class Reports:
    """Reports to the Prefect server. One that is away for a while costs a picture of the training, never the training."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def __call__(self, report: Callable[..., Any], *what: Any, **more: Any) -> None:
        """Reports, unless the server was away a moment ago: its client asks again for a minute, and steps would wait."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            report(*what, **more)
        except Exception as error:  # noqa: BLE001 - whatever keeps a report from a server is no fault of the training's
            self._quiet_until = time.monotonic() + QUIET_S
            get_run_logger().warning("the Prefect server did not take a report: %s", error)


def _made_ready(training: Training) -> None:
    """Checks what was asked for, and renders people of the world where they are missing; raises what is refused."""
    unseen = to_be_rendered(training)
    findings = check(training)
    refuse_if_wrong(findings)
    if training.data.prepare is not None:
        training.data.prepare(cpus_here(), lambda _done, _of: None)
    if unseen:
        findings += check_data(training)
        refuse_if_wrong(findings)
    for one in findings:
        if one.level == "warn":
            get_run_logger().warning("%s", one.what)


def _state(training: Training, ended: Ended) -> State[Any] | dict[str, Any]:
    if ended.state == "failed":
        return Failed(message=f"{ended.message}; run it again with the name {training.name} to go on")
    if ended.state == "stopped":
        return Cancelled(
            message=f"stopped after a checkpoint; run it again with the name {training.name} to go on from there"
        )
    return {"run": training.name, **(ended.result or {})}


def _line(event: Mapping[str, Any]) -> str:
    if event["kind"] == "validation":
        return f"step {event['step']}: " + ", ".join(f"{k} {v:.3f}" for k, v in event["metrics"].items())
    return str(event.get("text", f"step {event.get('step')}: checkpoint written"))


def _rows(training: Training, ended: Ended) -> list[dict[str, Any]]:
    facts = {
        "training": training.name, "kind": training.request.kind, "state": ended.state, "data": training.data.name,
        "attempts": ended.attempts, **(ended.result or {}),
    }  # fmt: skip
    return [{"": key, " ": str(value)} for key, value in facts.items()]


def _page(training: Training, ended: Ended) -> str:
    return (
        f"# Training {training.name}\n\n{ended.state}; `run:{training.name}` names its newest weights, in recipes and "
        f"for `redub models inspect`.\n\n`redub runs show {training.name} -c {training.request.catalog}` shows its "
        f"checkpoints and metrics, `redub trace run:{training.name}` what it learned from.\n\n"
        + _pictures(training, {"curves": training.seen().curves})
    )


def _samples(training: Training, event: Mapping[str, Any]) -> str:
    numbers = "\n".join(f"| {name} | {value:.3f} |" for name, value in event["metrics"].items())
    pictures = _pictures(training, event.get("pictures", {}))
    return f"# {training.name} after step {event['step']}\n\n| | |\n|---|---|\n{numbers}\n\n{pictures}"


def _pictures(training: Training, places: Mapping[str, str]) -> str:
    """Pictures are in the page itself, since the UI can't reach the catalog; what is large, or moves, is named."""
    lines = []
    for name, place in places.items():
        kind = KINDS.get(Path(place).suffix)
        fs, path = training.catalog.store.filesystem(place)
        if kind and place and fs.exists(path) and fs.size(path) < LARGEST:
            lines.append(f"![{name}](data:image/{kind};base64,{b64encode(fs.cat_file(path)).decode()})")
        elif place:
            lines.append(f"{name}: `{place}`")
    return "\n\n".join(lines)


def key_of(name: str) -> str:
    """Prefect's keys hold small letters, digits and dashes."""
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in name.lower())
