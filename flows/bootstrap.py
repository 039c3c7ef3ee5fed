"""From footage to a promoted editor as a Prefect flow: a task run a step, below it the rebuild's or training's own flow run.

What the Prefect UI shows: one short form, the steps as they are taken, and at the end a page with the chain and what
each step made. Cancelling it stops the running step cleanly (a rebuild commits, a training writes a checkpoint), and
no later one begins; running it again with the same name goes on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled, Failed, State
from pydantic import BaseModel, ConfigDict, Field

from flows.bootstrapping.asked import Asked
from flows.bootstrapping.chain import begun, go_on
from flows.bootstrapping.made import Made
from flows.bootstrapping.report import outlook, page
from flows.bootstrapping.steps import Chain, Step
from flows.environment import RECIPE
from flows.errors import BootstrapRefused, FootageRefused, PromotionRefused, SpeakersUnknown
from flows.rebuild import Rights, rebuild
from flows.reports import Reports, await_server, key_of
from flows.train import REFUSALS, train_generator, train_lip, train_structure, train_texture
from storage.ledger.lock import CatalogBusy
from storage.sources import SourceError

FLOWS: dict[str, Flow[..., Any]] = {
    "generator": train_generator, "structure": train_structure, "lip": train_lip, "texture": train_texture,
}  # fmt: skip
ENDS = (
    BootstrapRefused, PromotionRefused, FootageRefused, SpeakersUnknown, CatalogBusy, SourceError, *REFUSALS,
)  # fmt: skip
"""What ends it in one sentence."""


class Overrides(BaseModel):
    """Settings to change, of each phase."""

    model_config = ConfigDict(extra="forbid")

    rebuild: list[str] = Field(default=[], description="Of both rebuilds, such as verdict.min_sharpness=8")
    generator: list[str] = Field(default=[], description="Of the generator's training, such as steps=500")
    structure: list[str] = Field(default=[], description="Of the editor's training, first phase")
    lip: list[str] = Field(default=[], description="Of the lip expert's training")
    texture: list[str] = Field(default=[], description="Of the texture expert's training")


@flow(name="bootstrap", validate_parameters=True)
def bootstrap(
    source: str,
    name: str,
    catalog: str = "redub-data/catalog",
    recipe: str = RECIPE,
    budget: Literal["toy", "mini", "paper"] = "mini",
    overrides: Overrides = Overrides(),  # noqa: B008
    profile: str = "laptop",
    rights: Rights = Rights(),  # noqa: B008
    gates: tuple[str, ...] = (),
    anyway: str = "",
) -> Any:
    """From footage to a promoted editor: rebuild, train a generator, paint pairs with it, train the editor, promote.

    Args:
        source: Folder, file, glob, object-store prefix, or manifest (.csv, .parquet with a `uri` column).
        name: Its name, with which its trainings' begin; one that is known goes on from where it ended.
        catalog: Folder or object-store prefix that holds the tables.
        recipe: What the rebuilds compute: real, full, world, or a .toml file of yours.
        budget: How much is trained: toy (only to see it run), mini, or as in the paper.
        overrides: Settings to change, of each phase.
        profile: Where to compute: laptop, a100x32, h100x8, gpu24g, or your own file.toml#name.
        rights: Licence and consent of sources whose manifest doesn't say it.
        gates: Other limits than the gates', such as psnr_lips=16; they are written down.
        anyway: Promote what doesn't pass the gates, rebuild footage that the models don't know, and write down this
            reason for it.
    """
    changed = overrides.model_dump()
    asked = Asked(
        name, source, catalog, recipe, budget, changed, profile, rights.licence, rights.consent, anyway, gates
    )
    try:
        chain = begun(asked)
        for one in outlook(chain):
            get_run_logger().info("%s: %s; %s %s", one.step, one.makes, one.standing, one.rough)
    except ENDS as refusal:
        get_run_logger().error("refused: %s", refusal)
        return Failed(message=f"refused: {refusal}")
    return _told(chain)


def _told(chain: Chain) -> State[Any] | dict[str, str]:
    """Goes on to the end, and shows how far it came."""
    name, end = chain.asked.name, "Interrupted; running it again with the same name goes on."
    with Reports() as reports:
        try:
            if go_on(chain, BelowPrefect()):
                end = "All is done."
                return {step: made.what for step, made in chain.made.items()}
            reports.hurry()
            end = f"Stopped; run it again with the name {name} to go on from there."
            return Cancelled(message=end)
        except ENDS as refusal:
            end = str(refusal)
            get_run_logger().error("%s", end)
            return Failed(message=end)
        finally:
            reports.page(key_of(chain.catalog.root, "bootstrap", name), page(chain, end), end[:200])


class BelowPrefect:
    """Does each step in a task run, and what it takes in a flow run of its own."""

    def rebuild(self, asked: Asked, settings: Sequence[str]) -> str | None:
        """As the rebuild's own deployment would. Prefect refuses to begin what it can't tell its server of."""
        await_server()
        state: Any = rebuild(
            sources=asked.source, catalog=asked.catalog, recipe=asked.recipe, overrides=tuple(settings),
            profile=asked.profile, rights=Rights(licence=asked.licence, consent=asked.consent), anyway=asked.anyway,
            return_state=True,
        )  # fmt: skip
        return None if _cancelled(state) else state.result()["version"]

    def train(self, asked: Asked, kind: str, data: str, init: str) -> bool:
        """As the training's own deployment would: a name that is known is resumed."""
        await_server()
        state: Any = FLOWS[kind](
            catalog=asked.catalog, data=data, recipe=asked.trainings_recipe, overrides=tuple(asked.changes(kind, init)),
            profile=asked.profile, run=asked.run(kind), return_state=True,
        )  # fmt: skip
        return not _cancelled(state)

    def say(self, what: str) -> None:
        """In the run's log."""
        get_run_logger().info("%s", what)

    def take(self, step: Step, work: Callable[[], Made | None]) -> Made | None:
        """In the main thread, where signals are heard."""

        @task(name=step.name, task_run_name=step.name, cache_policy=NO_CACHE, persist_result=False)
        def take() -> Any:
            return work() or Cancelled(message="stopped")

        state: Any = take(return_state=True)
        return None if state.is_cancelled() else state.result()


def _cancelled(state: State[Any]) -> bool:
    """Raises what a flow that was refused says of it."""
    message = state.message or ""
    if state.is_cancelled() and message.startswith("refused: "):
        raise BootstrapRefused(message.removeprefix("refused: "))
    if state.is_failed() and state.data is None:
        raise BootstrapRefused(message.removeprefix("refused: "))
    if not state.is_cancelled():
        state.result(raise_on_failure=True)
    return bool(state.is_cancelled())
