"""The rebuild as a Prefect flow: one flow run per rebuild, one task run per stage, all alive at once.

What the Prefect UI shows: the typed form of the parameters, per-stage progress, and at the end the
funnel, the lineage graph (Mermaid) and the manifest as artifacts. The tables decide what is missing, so
tasks cache nothing; a run that is cancelled, killed or crashed is gone on with by running it again.

With `review: wait` a run that has masks to be looked at pauses with a form, and then goes on as a second
rebuild: while people look, neither the catalog's lock nor the cluster is held.
"""

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import Any, Literal
from uuid import uuid4

from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.states import Cancelled, Failed, State
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from flows.artifacts import lineage_graph, manifest_page
from flows.environment import RECIPE
from flows.errors import FootageRefused, RecipeError, SpeakersUnknown
from flows.looking.mask_answers import read_text, take, write_page
from flows.looking.mask_cards import awaiting, cards_of
from flows.looking.mask_page import PLAIN, summary
from flows.pausing import answer
from flows.recipe_files import load_recipe, name_of
from flows.reports import IN_TERMINAL_S, PATIENCE_S, Reports, await_server, key_of, link
from flows.run.driver import Rebuild
from flows.run.request import Request
from flows.told_once import once
from flows.watched import counts, stage_task
from infra.profiles import ProfileError, load_profile
from models.weights.references import ModelError
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy
from storage.ledger.mask_verdicts import ReviewError
from storage.sources import SourceError
from storage.versions.gates import GateRefused
from storage.versions.version import Version

POLL_S = 3
REFUSED = (
    RecipeError, ProfileError, ModelError, SourceError, FootageRefused, SpeakersUnknown, GateRefused, StorageError,
)  # fmt: skip
"""What a person got wrong, and can mend."""
once(*REFUSED)
PEOPLE_S = 7 * 24 * 3600
"""So long a paused run waits for verdicts; then it ends, and the next one goes on."""

on_start: ContextVar[Callable[[Rebuild], None] | None] = ContextVar("on_start", default=None)
"""The command line puts a function here to show a run that it started itself."""


class Rights(BaseModel):
    """What may be done with sources whose manifest doesn't say it."""

    model_config = ConfigDict(extra="forbid")

    licence: str = Field(default="", description="Licence of the sources, for example CC-BY-4.0")
    consent: str = Field(
        default="", description="How the people shown agreed, for example 'contract 2026-03'"
    )


class Verdicts(RunInput):
    """The form of a paused run."""

    who: str = Field(description="Your name: it is kept with the verdicts")
    verdicts: str = Field(
        default="",
        description="Where the review.csv is that the page gave (a path or URI that ends in .csv), or its text. "
        "Empty: go on without; what was not judged waits for a later run.",
    )


RUNNER: Any = ThreadPoolTaskRunner(max_workers=32)
"""A thread per stage, which only waits and reports."""


@flow(name="rebuild", task_runner=RUNNER, validate_parameters=True)
def rebuild(
    sources: str,
    catalog: str = "redub-data/catalog",
    recipe: str = RECIPE,
    overrides: tuple[str, ...] = (),
    profile: str = "laptop",
    rights: Rights = Rights(),  # noqa: B008
    review: Literal["later", "wait"] = "later",
    anyway: str = "",
) -> Any:
    """Bring a catalog up to date with its sources and recipe, and publish a dataset version.

    Only what is missing is computed: rows made by the same code, settings and weights are reused.

    Args:
        sources: Folder, file, glob, object-store prefix, or manifest (.csv, .parquet with a `uri` column).
        catalog: Folder or object-store prefix that holds the tables.
        recipe: What to compute: real (people, on any machine), full (people, with a GPU), world (what `redub render`
            makes), or a .toml file of yours.
        overrides: Settings of the recipe to change, such as verdict.min_sharpness=8.
        profile: Where to compute: laptop, a100x32, h100x8, gpu24g, or your own file.toml#name.
        rights: Licence and consent of sources whose manifest doesn't say it.
        review: Masks that a person must look at: go on without them, or pause with a form and wait.
        anyway: Compute footage that the recipe's models don't know, and write down this reason for it.
    """
    try:
        request = Request(
        sources, catalog, load_recipe(recipe, overrides), name_of(recipe, overrides), load_profile(profile),
        rights.licence, rights.consent, flow_run=str(runtime.flow_run.name or ""), anyway=anyway,
        )  # fmt: skip
    except REFUSED as refusal:
        return _refused(refusal)
    return bring_up_to_date(request, wait=review == "wait")


def bring_up_to_date(request: Request, wait: bool) -> State[Any] | dict[str, Any] | None:
    """What the flow does, inside of it."""
    with Reports(IN_TERMINAL_S if on_start.get() else PATIENCE_S) as reports:
        return _brought(request, wait, reports)


def _brought(request: Request, wait: bool, reports: Reports) -> State[Any] | dict[str, Any] | None:
    try:
        with Rebuild(request) as run:
            ended = _run(run, wait, reports)
        if ended is None:
            ask_people(run.catalog, reports)
            with Rebuild(run.request) as run:  # whose references to trainings mean what they meant
                ended = _run(run, False, reports)
        return ended
    except CatalogBusy as busy:
        get_run_logger().warning("refused: %s", busy)
        return Cancelled(message=f"refused: {busy}")
    except REFUSED as refusal:
        return _refused(refusal)
    except FlowPauseTimeout:  # Prefect's server has ended the run as Failed, whatever is returned here
        get_run_logger().error(
            "nobody gave a verdict; take them with `redub review import`, then run this again"
        )
        raise


def _refused(why: Exception) -> State[Any]:
    """In one sentence, without the traceback of what a person got wrong; a caller in this process gets it raised."""
    get_run_logger().error("refused: %s", why)
    return Failed(message=f"refused: {why}", data=why)


def _run(run: Rebuild, wait: bool, reports: Reports) -> State[Any] | dict[str, Any] | None:
    """None: nothing is published yet, since people are to look at masks first."""
    plan = run.prepare()
    todo = ", ".join(f"{s.name} {s.total}" for s in plan.stages if s.total)
    get_run_logger().info(
        "run %s: %d sources, %d new; to compute: %s", run.run_id, plan.sources, plan.new_sources, todo or "nothing"
    )  # fmt: skip
    show = on_start.get()
    if show:
        show(run)
    run.start()
    try:
        _watch(run, reports)
    except BaseException:  # cancelled, or broken: the log ends with what was done all the same
        run.end()
        raise
    finally:
        get_run_logger().info("%s", counts(run))
    if run.stopped:
        reports.hurry()
        return Cancelled(
            message="stopped; what was done is committed, and running it again goes on from there"
        )
    if waiting := awaiting(run.catalog, run.nodes):
        get_run_logger().info(
            "%d clips wait for a look: redub review export -c %s", waiting, run.catalog.root
        )
        if wait:
            return None
    version = _publish_task(run, reports, return_state=True).result(raise_on_failure=True)
    return {"version": version.tag, "new": version.new, "rows": version.manifest["rows"]}


def _watch(run: Rebuild, reports: Reports) -> None:
    """Until every stage has ended; raises what stopped one."""
    futures = [stage_task(node).submit(run, reports) for node in run.nodes]
    for future in futures:
        future.wait()
    for future in futures:
        if not future.state.is_cancelled():
            future.result()


def ask_people(catalog: Catalog, reports: Reports) -> None:
    """Pause until the form brings verdicts that can be taken, or none at all."""
    cards = cards_of(catalog)
    told = summary(cards, write_page(catalog, cards, f"{catalog.root}/review"), catalog.root)
    reports.page(key_of(catalog.root, "review"), told, f"{len(cards)} clips wait for a look")
    await_server()
    wrong, asked = "", uuid4().hex[:8]
    for times in count(1):
        question = Verdicts.with_initial_data(description=wrong + told)
        form = answer(question, f"{asked}-{times}", timeout_s=PEOPLE_S, poll_s=POLL_S)
        text = form.verdicts.strip()
        try:
            if text:
                text = read_text(catalog, text) if text.endswith(".csv") else text
                get_run_logger().info("%s: %s", form.who, take(catalog, text, form.who))
            return
        except ReviewError as error:
            get_run_logger().warning("asking again: %s", error)
            wrong = f"**{str(error).translate(PLAIN)}**\n\n"


@task(name="publish", task_run_name="publish", cache_policy=NO_CACHE, persist_result=False)
def _publish_task(run: Rebuild, reports: Reports) -> Any:
    try:
        version = run.publish()
    except StorageError as refusal:
        return Failed(message=str(refusal), data=refusal)
    _show_version(run, version, reports)
    return version


def _show_version(run: Rebuild, version: Version, reports: Reports) -> None:
    m, root = version.manifest, run.catalog.root
    manifest, lineage = key_of(root, version.tag, "manifest"), key_of(root, version.tag, "lineage")
    reports.table(key_of(root, version.tag, "funnel"), m["funnel"], f"Funnel of {version.tag} of {root}")
    reports.page(lineage, lineage_graph(run, m), f"Lineage of {version.tag} of {root}")
    reports.page(manifest, manifest_page(m), f"Manifest of {version.tag} of {root}")
    if version.new:
        resource = {
            "prefect.resource.id": f"redub.catalog.{root}", "redub.root": str(root), "redub.version": version.tag,
        }  # fmt: skip
        reports.event("redub.version.published", resource, {"rows": m["rows"], "content": m["content"]})
    splits = ", ".join(f"{name} {count}" for name, count in sorted(m["splits"].items()))
    get_run_logger().info(
        "%s, %s: %d rows (%s); manifest %s, lineage %s", version.tag,
        "published" if version.new else "nothing new to publish", m["rows"], splits, link(manifest), link(lineage),
    )  # fmt: skip
