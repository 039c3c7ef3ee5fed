"""The command as a person meets it: what it says, how wide, and what a typo or a Ctrl-C does."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.ledger.catalog import Catalog
from storage.versions.version import load_version, tags
from tests.flows.corpus import CLIPS, redub


def test_a_threshold_makes_a_second_version_and_diff_says_why(
    place: Path, prefect_env: dict[str, str]
) -> None:
    _, rows = load_version(Catalog(str(place / "redub-data/catalog")), "v1")
    middle = round(statistics.median(rows.to_table()["quality_sharpness"].to_pylist()), 3)
    said = redub(
        "rebuild",
        "--source",
        "videos",
        *CLIPS,
        "--set",
        f"verdict.min_sharpness={middle}",
        *("--set", "publish.splits=[train,holdout]", "--set", "publish.anyway=there is none yet"),
        cwd=place,
        env=prefect_env,
    )
    assert "Dataset v2 published" in said
    assert "the split 'holdout' has no row" in said
    assert "since there is none yet" in said
    diff = redub("diff", "v1", "v2", cwd=place)
    assert re.search(rf"setting +verdict.min_sharpness: [\d.]+ -> {middle}", diff)
    assert re.search(r"\d removed\n +\d +verdict: rejected, sharpness", diff)


def test_plan_of_a_finished_catalog_has_nothing_to_compute(here: Callable[..., str]) -> None:
    assert "Nothing to compute: every row is there." in here("plan", "--source", "videos", *CLIPS)


def test_plan_of_a_raised_setting_names_costs_and_the_bottleneck(here: Callable[..., str]) -> None:
    said = here("plan", "--source", "videos", *CLIPS, "--set", "ingest.crf=20")
    assert "first bottleneck is ingest" in said
    assert re.search(r"^ingest +\d+ +0 +0 +0 +0 +[\d.]+ +- +\d+ kB", said, re.M), said


def test_plan_writes_nothing(here: Callable[..., str], place: Path, tmp_path: Path) -> None:
    said = here("plan", "--source", place / "videos", "-c", tmp_path / "new", *CLIPS)
    assert "No measurements yet for probe, ingest, quality," in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("trace", "000_00.mp4"),
        ("trace", "empty"),
        ("quarantine", "list"),
        ("gc",),
        ("doctor", "--recipe", "world"),
        ("--help",),
    ],
)
def test_everything_fits_80_columns(here: Callable[..., str], command: tuple[str, ...]) -> None:
    said = here(*command, check=command != ("trace", "empty"))
    wide = [
        line
        for line in said.splitlines()
        if len(line) > 80 and "/" not in line and not line.startswith("redub:")
    ]
    assert not wide, wide


def test_trace_says_what_made_an_item_and_why_another_was_rejected(
    here: Callable[..., str], place: Path
) -> None:
    made = here("trace", "000_00.mp4")
    assert "In versions: v1" in made
    assert "settings sample_fps=" in made.replace("\n", " ")
    bad = next(f.name for f in (place / "videos").iterdir() if f.stat().st_size == 0)
    assert "0 bytes" in here("trace", bad)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rebuild", "--source", "videos", "--recipe", "wrold"), "did you mean 'world'"),
        (
            ("rebuild", "--source", "videos", "--profile", "laptp"),
            "there are laptop, a100x32, h100x8, gpu24g",
        ),
        (("rebuild", "--source", "videos", "--set", "verdict.sharpness=3"), "did you mean"),
        (("rebuild", "--source", "videos", "--set", "verdict.min_sharpness=high"), "verdict.min_sharpness"),
        (("rebuild", "--source", "nowhere"), "nothing at nowhere"),
        (("rebuild", "--source", "videos", "--consent", "NaN"), "--consent 'NaN' says nothing: give words"),
        (("plan", "--source", "videos/world0-000_00.mp4", *CLIPS), "--licence TEXT --consent TEXT"),
        (("sheet", "ingets"), "there is no stage 'ingets'; there are: render, probe, ingest"),
        (("sheet", "ingest", "--only", "good"), "rows end as ok, rejected"),
        (("render", "out", "-t", "world:persons=3"), "people=NUMBER"),
        (("rebuild", "--sorce", "videos"), "--source"),
        (("status", "-c", "nowhere"), "there is no catalog at"),
        (("diff", "v1", "v9"), "has no version 'v9'"),
        (("quarantine", "show", "ffff"), "`redub quarantine list` shows them"),
        (("serve", "--host", "0.0.0.0"), "PREFECT_SERVER_API_AUTH_STRING"),
    ],
)
def test_a_mistake_is_answered_with_what_exists(
    here: Callable[..., str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(here(*arguments, check=False).split())


@pytest.mark.parametrize(
    ("wish", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.chaos)],
    ids=["ctrl_c", "sigterm"],
)
def test_a_wish_to_stop_commits_what_is_done_and_the_same_command_goes_on(
    wish: signal.Signals, code: int, place: Path, tmp_path: Path, prefect_env: dict[str, str]
) -> None:
    few = str(place / "videos" / "world0-000_0*.mp4")
    command = [sys.executable, "-m", "flows", "rebuild", "-s", few, "-c", str(tmp_path / "c"),
               "--licence", "CC0", "--consent", "drawn", *CLIPS]  # fmt: skip
    running = subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=prefect_env
    )
    probe = tmp_path / "c" / "probe.lance"
    until = time.monotonic() + 300
    while not probe.exists() and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(wish)
    said, _ = running.communicate(timeout=300)
    assert "Traceback" not in said
    assert running.returncode == code, said
    assert "running it again goes on from there" in said
    catalog = Catalog(str(tmp_path / "c"))
    assert catalog.runs()[0]["ended"]["event"] == "stopped"
    redub(*command[3:], cwd=place, env=prefect_env)
    assert tags(catalog) == ["v1"]


def test_render_writes_videos_truth_and_the_other_halves_once(tmp_path: Path) -> None:
    command = ("render", "out", "-t", "world:people=1,takes=2", "--pairs", "--set", "render.max_seconds=2.6")
    said = redub(*command, cwd=tmp_path)
    assert "2 videos in out/videos; next: `redub rebuild -r world" in said
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*/*.*") if p.parent.suffix != ".lance"}
    names = {f"{p.parent.name}/{p.name}" for p in made if p.parent.name != "takes"}
    takes = ("world0-000_00", "world0-000_01")
    assert names == {"videos/manifest.csv"} | {
        f"{folder}.{kind}"
        for take in takes
        for folder, kind in (
            (f"videos/{take}", "mp4"),
            (f"truth/{take}", "npz"),
            (f"dubs/{take}", "mp4"),
            (f"dubs/{take}", "npz"),
        )
    }
    lines = (tmp_path / "out" / "videos" / "manifest.csv").read_text().splitlines()
    assert [line.split(",")[-2:] for line in lines] == [
        ["companion", "origin"],
        *([f"../dubs/{take}.mp4", "rendered"] for take in takes),
    ]
    redub(*command, cwd=tmp_path)
    assert all(path.stat().st_mtime_ns == at for path, at in made.items() if path.parent.name != "takes")
    redub("sheet", "render", "-c", "out/takes", "-o", "look", "--column", "occluder", cwd=tmp_path)
    assert {p.name for p in (tmp_path / "look").iterdir()} == {"render-ok.png", "render-ok.mp4"}


def test_status_says_the_same_to_programs(here: Callable[..., str]) -> None:
    found = json.loads(here("status", "--json"))
    assert found["held_by"] == ""
    assert {rows["stage"]: rows["ok"] for rows in found["stages"]}["sources"] > 0
    assert found["versions"][-1]["version"] == "v1"
    assert found["runs"][-1]["state"] == "finished"


LOOKING = (
    ("status",),
    ("plan", "--source", "videos", *CLIPS),
    ("trace", "000_00.mp4"),
    ("diff", "v1", "v1"),
    ("quarantine", "list"),
    ("gc",),
    ("doctor", "--recipe", "world"),
    ("review", "export", "--all", "-o", "{out}"),
    ("sheet", "ingest", "-o", "{out}"),
)
EACH = """
import sys
from flows.command.main import main
for command in sys.argv[1:]:
    sys.argv = ["redub", *command.split()]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == command.startswith("doctor"), command  # which says that a rebuild could not write
"""


def test_looking_works_without_the_right_to_write_and_leaves_no_trace(place: Path, tmp_path: Path) -> None:
    """Root may write everywhere, so as root the commands run without that capability."""
    commands = [" ".join(words).format(out=tmp_path) for words in LOOKING]
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    tree = [place, *place.rglob("*")]
    before = {path: path.stat().st_mode for path in tree}
    state = snapshot(place)
    try:
        for path, mode in before.items():
            path.chmod(mode & ~0o222)
        refused = subprocess.run([*drop, "touch", str(place / "redub-data" / "x")], capture_output=True)
        assert refused.returncode, "the folder is read-only"
        done = subprocess.run(
            [*drop, sys.executable, "-c", EACH, *commands],
            cwd=place, capture_output=True, text=True, timeout=600, env={**os.environ, "COLUMNS": "80"},
        )  # fmt: skip
    finally:
        for path, mode in before.items():
            path.chmod(mode)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "can only be read" in done.stdout
    assert snapshot(place) == state


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}
