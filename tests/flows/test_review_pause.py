"""A run that waits for people: it pauses with a form, asks again when it can't take the answer, and goes on."""

import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.flow_runs import resume_flow_run
from prefect.testing.utilities import prefect_test_harness

from flows.rebuild import RUNNER, ask_people, bring_up_to_date
from flows.recipes import Stages
from flows.reports import Reports
from flows.run.graph import stages_of
from flows.run.request import Request
from infra.profiles import load_profile
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.versions.version import load_version, tags
from tasks.screen import ScreenConfig
from tasks.stage import StageConfig
from tests.toy.inline import run_inline, write_words
from tests.toy.masks import Masks, make_known
from tests.toy.stages import Lines


class ToyRecipe(Stages):
    lines: Lines.Config = Lines.Config()
    masks: Masks.Config = Masks.Config()
    screen: ScreenConfig = ScreenConfig(policy="worst", worst_count=2)
    kept: StageConfig = StageConfig()


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """A catalog in which one of three clips went on; with nothing to compute, a run needs no Ray."""
    make_known(monkeypatch)
    monkeypatch.setattr("flows.rebuild.POLL_S", 0.5)
    words = write_words(tmp_path / "words", a="cup 0.2\nhair 0.7\npen 0.1")
    run_inline(words, tmp_path / "catalog", stages_of(ToyRecipe()))
    return Request(
        str(words),
        str(tmp_path / "catalog"),
        ToyRecipe(),
        "toy",
        load_profile("laptop").model_copy(update={"needs": {}}),
        "CC0",
        "yes",
    )


def run_and(people: Callable[[UUID], None], work: Callable[[], Any]) -> Any:
    """How a flow that does this work ended, while `people` see to its pauses in another thread."""
    started: Queue[UUID] = Queue()

    @flow(task_runner=RUNNER)
    def waiting() -> Any:
        started.put(UUID(str(runtime.flow_run.id)))
        return work()

    with ThreadPoolExecutor() as pool:
        done = pool.submit(lambda: people(started.get(timeout=60)))
        state = waiting(return_state=True)
        done.result(timeout=60)
    return state


def paused(run: UUID, times: int) -> None:
    """Until the run pauses for the n-th time."""
    with get_client(sync_client=True) as client:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            state = client.read_flow_run(run).state
            if (
                state is not None
                and state.is_paused()
                and str(state.state_details.pause_key).endswith(f"-{times}")
            ):
                return
            assert state is None or not state.is_final(), state
            time.sleep(0.2)
    pytest.fail(f"run {run} did not pause for the {times}. time")


def test_the_run_pauses_asks_again_and_publishes_what_was_accepted(server: None, request_: Request) -> None:
    catalog = Catalog(request_.catalog)
    sheet = Path(catalog.root) / "review"

    def people(run: UUID) -> None:
        paused(run, 1)
        with catalog.lock("somebody else"):
            assert tags(catalog) == ["v1"]
        resume_flow_run(run, run_input={"who": "Ana", "verdicts": "item,verdict\nnobody,accept"})
        paused(run, 2)
        items = [row["item"] for row in csv.DictReader((sheet / "review.csv").open())]
        (sheet / "mine.csv").write_text(f"item,verdict,note\n{items[0]},accept,fine\n{items[1]},redo,torn\n")
        resume_flow_run(run, run_input={"who": "Ana", "verdicts": str(sheet / "mine.csv")})

    result = run_and(people, lambda: bring_up_to_date(request_, wait=True)).result()
    assert (result["version"], result["rows"]) == ("v2", 2)
    _, rows = load_version(catalog, "v2")
    assert sorted(rows.to_table()["lines_text"].to_pylist()) == ["hair 0.7", "pen 0.1"]


def test_an_empty_form_goes_on_without(server: None, request_: Request) -> None:
    def people(run: UUID) -> None:
        paused(run, 1)
        resume_flow_run(run, run_input={"who": "Ana"})

    catalog = Catalog(request_.catalog)

    def asked() -> None:
        with Reports() as reports:
            ask_people(catalog, reports)

    assert run_and(people, asked).is_completed()
    assert open_table(catalog, "reviews") is None
