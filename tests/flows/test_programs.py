"""The command as programs and shells meet it: JSON with keys that stay, exit codes, share and time left, completion."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.run.progress import StageProgress, share_done, time_left
from flows.run.telling import told
from storage.ledger.catalog import Catalog
from storage.ledger.standing import write_standing
from storage.overview import overview
from storage.versions.version import load_version, tags
from tests.flows.corpus import CLIPS, redub
from tests.storage.trainings import trained
from tests.toy.inline import run_inline, toy_stages, write_words

PAGE = Path(__file__).parents[2] / "docs" / "for-programs.md"
SAID = {
    "plan": ("--source", "videos", *CLIPS),
    "status": (),
    "versions": (),
    "alias": (),
    "rows": ("v1",),
    "rows --by": ("speaker", "v1"),
    "size": (),
    "impact": ("mini:face",),
    "trace": ("000_00.mp4",),
    "diff": ("v1", "v1"),
    "quarantine list": (),
    "gc": (),
    "forget": ("--source", "000_00.mp4"),
    "models list": (),
    "models pull": ("mini:face",),
    "doctor": ("--recipe", "world"),
    "runs": (),
}


def documented() -> dict[str, list[str]]:
    """Command -> the keys that the page promises."""
    rows = re.findall(r"^\| `redub ([\w -]+)` \| (`.+`) \|$", PAGE.read_text(), re.M)
    return {command: re.findall(r"`(\w+)`", keys) for command, keys in rows}


@pytest.mark.parametrize("command", documented())
def test_json_has_the_keys_that_are_documented_and_nothing_is_printed_beside_it(
    here: Callable[..., str], place: Path, command: str
) -> None:
    catalog = () if command.startswith("models") else ("-c", place / "redub-data" / "catalog")
    if command == "runs":
        trained(Catalog(str(catalog[1])), "gen-a", data="v1")
    answer = json.loads(here(*command.split(), *SAID[command], *catalog, "--json"))
    listed = command in ("versions", "quarantine list", "models list", "models pull", "runs")
    assert isinstance(answer, list) == listed
    for one in answer if listed else [answer]:
        assert list(one) == documented()[command]


def test_the_page_documents_every_command_that_was_asked_for() -> None:
    assert documented().keys() == SAID.keys()


@pytest.mark.parametrize(
    ("words", "code"), [(("diff", "v1", "v9"), 1), (("size", "-c", "nowhere"), 1), (("rows", "--nosuch"), 2)]
)
def test_an_error_is_on_standard_error_alone(place: Path, words: tuple[str, ...], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", *words, "--json"], cwd=place, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert "v9" in done.stderr or "nowhere" in done.stderr or "--nosuch" in done.stderr


@pytest.mark.chaos
def test_a_version_that_does_not_pass_its_gates_is_refused_and_published_with_a_reason(
    place: Path, prefect_env: dict[str, str], tmp_path: Path
) -> None:
    """As `redub rebuild` does it; what was computed for the first try is not computed again."""
    root = tmp_path / "catalog"
    shutil.copytree(place / "redub-data" / "catalog", root)
    before = tags(Catalog(str(root)))
    command = ("rebuild", "--source", "videos", "-c", root, *CLIPS, "--set", "verdict.min_sharpness=0.001",
               "--set", "publish.splits=[train,holdout]")  # fmt: skip
    refused = " ".join(redub(*command, cwd=place, check=False, env=prefect_env).split())
    assert "is not published: the split 'holdout' has no row" in refused
    assert tags(Catalog(str(root))) == before
    assert Catalog(str(root)).runs()[0]["ended"]["event"] == "failed"
    said = redub(*command, "--set", "publish.anyway=there is none yet", cwd=place, env=prefect_env)
    tag = tags(Catalog(str(root)))[-1]
    assert f"Dataset {tag} published" in said
    assert load_version(Catalog(str(root)), tag)[0].manifest["gates"]["anyway"] == "there is none yet"


def test_how_far_a_run_is_is_said_as_long_as_it_runs(tmp_path: Path) -> None:
    """Weighed by what an item costs: nine seconds of twenty-eight are done."""
    catalog = Catalog(str(tmp_path / "c"))
    ran = run_inline(write_words(tmp_path / "words", a="eleven\nthirteen"), tmp_path / "c", toy_stages())
    log = dict.fromkeys(("recipe", "profile", "sources", "flow_run", "git_commit", "message"), "")
    stages = [
        StageProgress("lines", 1, 2, 1, 0, 0, 1, 0.0, False, None),
        StageProgress("long", 0, 10, 0, 0, 0, 1, 0.5, False, None),
    ]
    assert overview(catalog).progress is None
    with catalog.lock("run-2"):
        catalog.log_run(run="run-2", event="started", fingerprints=[n.fingerprint for n in ran.nodes], **log)
        with told(catalog, "run-2", lambda: stages, {"lines": 9.0, "long": 1.0}):
            until = time.monotonic() + 20
            while overview(catalog).progress is None and time.monotonic() < until:
                time.sleep(0.05)
            found = overview(catalog).progress
        assert overview(catalog).progress is None, "it takes it away"
        write_standing(catalog, {"run": "run-1"})
        assert overview(catalog).progress is None, "what another run left is not taken for this one's"
    assert found is not None
    assert found["share"] == pytest.approx(9 / 28, abs=1e-3)
    assert found["eta_s"] >= 20, "the slowest stage has ten items left, at one in two seconds"
    assert [(one["done"], one["expected"]) for one in found["stages"]] == [(1, 2), (0, 10)]
    shutil.rmtree(tmp_path / "c")
    with told(catalog, "run-3", lambda: stages, {}):
        pass  # it can't be written, which ends nothing


def test_before_it_can_be_told_nothing_is_guessed() -> None:
    stages = [StageProgress("long", 1, 1000, 1, 0, 0, 1, 0.0, False, None)]
    assert time_left(stages, share_done(stages, {}), elapsed=5.0) is None


@pytest.mark.chaos
def test_a_running_rebuild_says_its_share_to_another_process_and_nothing_of_it_is_left(
    place: Path, tmp_path: Path, prefect_env: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "flows", "rebuild", "-s", str(place / "videos" / "world0-000_0*.mp4"),
               "-c", str(tmp_path / "c"), "--licence", "CC0", "--consent", "drawn", *CLIPS]  # fmt: skip
    running = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, env=prefect_env)
    seen: dict[str, Any] = {}
    while running.poll() is None and not (seen.get("share") and seen["eta_s"]):
        time.sleep(0.5)
        if (tmp_path / "c" / ".progress.json").exists():
            looked = redub("status", "-c", tmp_path / "c", "--json", cwd=place)
            seen = json.loads(looked)["progress"] or seen
    assert running.wait(timeout=300) == 0
    assert 0 < seen["share"] <= 1
    assert seen["eta_s"] >= 0
    assert {"stage", "done", "expected", "rate", "workers", "eta_s", "finished"} == seen["stages"][0].keys()
    assert not (tmp_path / "c" / ".progress.json").exists()
    assert json.loads(redub("status", "-c", tmp_path / "c", "--json", cwd=place))["progress"] is None


def test_the_version_of_the_command_and_its_completion_are_there(place: Path, tmp_path: Path) -> None:
    assert re.search(r"^redub \d+\.\d+\.\d+ \(commit [0-9a-f]{12}\+?\)$", redub("--version", cwd=place), re.M)
    program = tmp_path / "redub"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c \"import sys; sys.argv[0] = 'redub'; "
                       "from flows.command.main import main; main()\" \"$@\"\n")  # fmt: skip
    program.chmod(0o755)
    script = (
        'eval "$(_REDUB_COMPLETE=source_bash redub)"\n'
        "COMP_WORDS=(redub quarantine r); COMP_CWORD=2\n_redub_completion redub\n"
        'echo "${COMPREPLY[@]}"'
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["retry"], done.stderr
