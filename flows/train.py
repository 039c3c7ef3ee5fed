"""Trainings as Prefect flows: one flow run a training, triggered from the UI, by a schedule, or by a new version.

What the Prefect UI shows: a short form, progress, and at the end the curves, the newest samples and what to do with
the weights. Cancelling a run writes a checkpoint and frees its CPUs and GPUs; running it again with the same name
goes on from there.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import Flow, flow, get_run_logger, runtime
from prefect.states import Cancelled, Failed, State

from flows.errors import RecipeError, TrainingRefused
from flows.reports import Reports, key_of, link, plain
from flows.terminal.live_training import TrainingView
from flows.told_once import once
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
REFUSALS = (RecipeError, TrainingRefused, ProfileError, ModelError, StorageError, LaunchError)
once()

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
    with Reports() as reports:
        try:
            request = _request(kind, catalog, data, recipe, overrides, profile, run)
            with Training(request) as training:
                ended = _watched(training, reports)
        except CatalogBusy as busy:
            get_run_logger().warning("refused: %s", busy)
            return Cancelled(message=f"refused: {busy}")
        except REFUSALS as refusal:
            get_run_logger().error("refused: %s", refusal)
            return Failed(message=f"refused: {refusal}")
        if ended.state == "stopped":
            reports.hurry()
        return _state(training, ended)


def _request(
    kind: str, catalog: str, data: str, recipe: str, overrides: Sequence[str], profile: str, run: str
) -> TrainRequest:
    """A name that is known is resumed, with the recipe and the data it began with."""
    where = load_profile(profile)
    flow_run = str(runtime.flow_run.name or "")
    run = run or own_name(kind)
    tables = Catalog(catalog, Store.told(where.storage_options))
    known = {one.run: one for one in trainings(tables)}.get(run)
    if known is None:
        what = load_training(kind, recipe, overrides)
        return TrainRequest(kind, catalog, what, recipe, where, data, run, flow_run=flow_run)
    if known.kind != kind:
        raise StorageError(
            f"training {run} is a {called(known.kind)}, not a {called(kind)}; give another name"
        )
    what = recipe_of(kind, known.recipe)
    return TrainRequest(kind, catalog, what, recipe, where, known.data, run, resumes=True, flow_run=flow_run)


def own_name(kind: str) -> str:
    """The name of a training that was given none: the same when Prefect starts the same flow run again, which goes on."""
    return f"{kind}-{plain(str(runtime.flow_run.name))[:40]}-{str(runtime.flow_run.id)[:4]}"


def _watched(training: Training, reports: Reports) -> Ended:
    logger, view, key = get_run_logger(), TrainingView(), key_of(training.catalog.root, training.name)
    _made_ready(training)
    reports.progress(key, 0.0, f"{training.name}: starting")

    def tell(event: Mapping[str, Any]) -> None:
        view.hear(event)
        if event.get("kind") in ("validation", "warning", "checkpoint"):
            logger.info("%s", _line(event))
        if event.get("kind") == "validation":
            reports.page(f"{key}-samples", _samples(training, event))
        if event.get("kind") == "step" and (event["step"] % EVERY_STEPS == 0 or event["step"] == view.steps):
            text = f"{training.name}: step {event['step']} of {view.steps}, {view.summary(event['step'])}"
            reports.progress(key, 100 * event["step"] / view.steps, text)

    logger.info(
        "training %s on %s, %d windows", training.name, training.data.name, len(training.data.windows)
    )
    with stopped_by_signals(logger.warning) as stop:
        ended = training.run(tell, stop)
    reports.table(f"{key}-end", _rows(training, ended))
    reports.page(f"{key}-page", _page(training, ended))
    logger.info("training %s %s: %s", training.name, ended.state, link(f"{key}-page"))
    return ended


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
