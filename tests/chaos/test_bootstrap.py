"""`redub bootstrap` is stopped or killed in four of its steps, and the same command goes on: nothing is lost or done twice.

Signals go where a terminal's Ctrl-C and the kernel's kill go: to the whole group of processes, and to the command alone.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lance
import pytest

from flows.bootstrapping.steps import STEPS
from flows.demo.corpus import SEED, make_corpus
from flows.recipes import STAGES
from storage.ledger.catalog import Catalog
from storage.trainings.promotion import promotions
from storage.trainings.reading import metrics_of, trainings
from storage.versions.version import tags
from tests.flows.bootstrapped import FILMED, quick
from tests.flows.prefect_api import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]
SLOWEST_S = 600
LONG = 12
"""Steps of a training that is interrupted; a checkpoint is written after every second one."""
SETTINGS = quick({"generator": LONG, "structure": LONG})
Written = dict[tuple[str, str], list[str]]


class Command:
    """`redub bootstrap` of some videos into a catalog, as often as it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.catalog = folder, Catalog(str(folder / "catalog"))
        self.groups: list[int] = []
        self.said = ""

    def start(self, *more: str) -> subprocess.Popen[str]:
        """In a group of its own, as a shell starts it."""
        settings = [
            word for phase, texts in SETTINGS.items() for one in texts for word in ("--set", f"{phase}.{one}")
        ]
        where = [
            *("-s", f"{self.folder}/videos", "-c", self.catalog.root, "-r", "world"),
            *("--budget", "toy", "--anyway", "to see it run"),
        ]
        command = [sys.executable, "-m", "flows", "bootstrap", "b", *where, *settings, *more]
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if not more else subprocess.PIPE, text=True,
            start_new_session=True, env=os.environ | {"COLUMNS": "200"},
        )  # fmt: skip
        self.groups.append(running.pid)
        return running

    def interrupted(self, hit: Callable[[int], None], due: Callable[[], bool]) -> int:
        """Starts it and hits it when that is due; returns how it ended."""
        running = self.start()
        until(lambda: due() or running.poll() is not None, SLOWEST_S, lambda: self.said)
        assert running.poll() is None, f"it ended before it was hit: {running.communicate()[0]}"
        hit(running.pid)
        self.said = running.communicate(timeout=SLOWEST_S)[0]
        return running.returncode

    def rows(self, table: str) -> int:
        """Rows of a table that is there, or none."""
        place = self.folder / "catalog" / f"{table}.lance"
        return lance.dataset(str(place)).count_rows() if place.exists() else 0

    def steps(self, kind: str) -> list[int]:
        """Steps whose loss is written."""
        return [step for step, _ in metrics_of(self.catalog, f"b-{kind}").get("loss", ())]

    def written(self) -> Written:
        """When each row of each stage was written: all times, by stage and item."""
        found: Written = {}
        for stage in (one for one in STAGES if self.rows(one)):
            table = lance.dataset(str(self.folder / "catalog" / f"{stage}.lance"))
            for row in table.to_table(columns=["item_id", "written_at"]).to_pylist():
                found.setdefault((stage, row["item_id"]), []).append(str(row["written_at"]))
        return found


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    make_corpus(tmp_path / "videos", people=4, takes=2, seed=SEED, broken=0, **FILMED)
    made = Command(tmp_path)
    yield made
    for group in made.groups:
        _to_all(group, signal.SIGKILL)


def test_whatever_ends_it_the_same_command_goes_on_and_does_nothing_twice(command: Command) -> None:
    assert command.interrupted(_ctrl_c, lambda: command.rows("ingest") > 0) == 130
    assert "the same command goes on" in command.said
    assert tags(command.catalog) == []
    seen = command.written()

    assert command.interrupted(_kill, lambda: len(command.steps("generator")) >= 4) == -signal.SIGKILL
    seen |= _none_anew(seen, command.written())
    told_first = metrics_of(command.catalog, "b-generator")["loss"][:4]

    assert command.interrupted(_kill, lambda: command.rows("companion") > 0) == -signal.SIGKILL
    assert {one.run: one.state for one in trainings(command.catalog)} == {"b-generator": "finished"}
    assert metrics_of(command.catalog, "b-generator")["loss"][:4] == told_first
    seen |= _none_anew(seen, command.written())

    assert command.interrupted(_ctrl_c, lambda: len(command.steps("structure")) >= 4) == 130
    assert "the same command goes on" in command.said
    assert {one.run: one.state for one in trainings(command.catalog)}["b-structure"] == "stopped"
    seen |= _none_anew(seen, command.written())

    told = _through(command)
    assert [one["step"] for one in told["steps"] if one["made"]] == [step.name for step in STEPS]
    _none_anew(seen, command.written())
    assert tags(command.catalog) == ["v1", "v2"]
    for kind in ("generator", "structure"):
        assert command.steps(kind) == list(range(1, LONG + 1)), "no step was lost or taken twice"
    assert {one.run: one.attempt for one in trainings(command.catalog)} == {
        "b-generator": 2, "b-structure": 2, "b-lip": 1, "b-texture": 1,
    }  # fmt: skip
    assert _through(command)["promoted"] == told["promoted"]
    assert len(promotions(command.catalog)) == 1


def _through(command: Command) -> dict[str, Any]:
    """To its end; what it tells a script."""
    out, err = command.start("--json").communicate(timeout=SLOWEST_S)
    told = json.loads(out)
    assert told["state"] == "finished", (told, err)
    return told


def _none_anew(before: Written, now: Written) -> Written:
    """What was written stays as it is, and nothing is written again beside it."""
    assert {row: now.get(row) for row in before} == before
    return now


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _ctrl_c(pid: int) -> None:
    _to_all(pid, signal.SIGINT)


def _to_all(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # all of it has ended by itself
