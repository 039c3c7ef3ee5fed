"""What documents show is run: the Python of three pages, and commands that only look, on a small catalog."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from flows.recipes import RECIPES, STAGES
from flows.run.graph import nodes_of, stages_of
from flows.terminal.versions import show_funnel
from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from storage.ledger.rows import Blob, is_blob, row_fields
from storage.media.encode import encode_video
from storage.versions.aliases import move
from tasks.stage import Annotate, Rejected
from tests.docs.pages import PAGES, ROOT, Command, blocks, commands
from tests.flows.conftest import run_command  # noqa: F401 - a fixture
from tests.storage.trainings import trained
from tests.toy.inline import Ran, run_inline, toy_stages
from tests.toy.pairs import content, published
from tests.toy.stages import Lines

READING, PAIRS, STAGE_PAGE, NETWORK = (
    ROOT / "docs" / f"{name}.md"
    for name in ("reading-a-dataset", "reading-pairs", "add-a-stage", "the-network")
)
NAMED = {"bad_frozen.mp4": "world14-000", "interview.mp4": "NAME", "bad_playlist.m3u8": "Ana"}
"""Files that commands on the pages name, and who is seen in them."""
RELIGHTING = ROOT / "docs" / "relighting.md"
TRAINED = ("gen-a", "gen-b")
"""Trainings that commands on the pages name."""
DAY = re.compile(r"\d{4}-\d\d-\d\d")
"""A version on the pages may be named by one: that of the small catalog is of today."""
ALIAS = "prod"
LOOKING = ("plan", "status", "trace", "diff", "gc", "forget", "quarantine list", "runs")


class Filmed(Annotate):
    """Each line of the toy dataset becomes a short video, as long as the line."""

    name = "filmed"
    reads = (Lines,)

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        frames: int
        video: Blob

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        grey_FHWC = np.full((len(row.text), 32, 32, 3), 128, np.uint8)
        return self.Output(row.id, len(row.text), encode_video(None, grey_FHWC, 25))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A catalog with two versions, and two trainings on the second one."""
    folder = tmp_path_factory.mktemp("docs") / "videos"
    folder.mkdir()
    for file in NAMED:
        (folder / file).write_text(f"{file} one\n{file} two and more\n")
    listed = "\n".join(f"{file},{speaker},CC0,signed" for file, speaker in NAMED.items())
    (folder / "manifest.csv").write_text(f"uri,speaker,licence,consent\n{listed}\n")
    root = folder.parent / "catalog"
    run_inline(folder, root, _stages())
    ran = run_inline(folder, root, _stages(at_least=19.0))
    for name in TRAINED:
        trained(ran.catalog, name, data="v2")
    return ran


def _stages(**settings: float) -> dict[str, Any]:
    lines, *others = toy_stages(**settings).values()
    return {stage.name: stage for stage in (lines, Filmed(), *others)}


def test_a_version_is_read_as_the_page_says(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places, *rest = blocks(READING, "python")
    names: dict[str, Any] = {}
    exec(places, names)
    assert {"CATALOG", "VERSION", "STAGE", "COLUMN", "SPLIT", "NUMBERS"} <= names.keys()
    here = {"CATALOG": ran.catalog.root, "STAGE": "filmed", "SPLIT": "long_split"}
    names |= here | {"NUMBERS": ["length_length", "filmed_frames"]}
    for block in rest:
        exec(block, names)
    assert names["train"].num_rows > 1
    assert names["manifest"]["rows"] == 6
    assert names["clip"].shape[1:] == (32, 32, 3)
    assert (tmp_path / "clip.mp4").stat().st_size == len(names["first"]) > 100
    assert (tmp_path / "v1.parquet").is_file()


def test_pairs_are_opened_as_the_page_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., str],  # noqa: F811
) -> None:
    monkeypatch.chdir(tmp_path)
    root = published(tmp_path, clips=6, kb=0).catalog.root
    assert "v1 is exported to folder: 6 pairs" in run_command(
        "export", "v1", "pairs", "--to", "folder", "-c", root
    )
    places, *rest = blocks(PAIRS, "python")
    names: dict[str, Any] = {}
    exec(places, names)
    names["CATALOG"] = root
    for block in rest:
        exec(block, names)
    item = names["row"]["item_id"]
    assert names["first"] == [content(item, column, kb=0) for column in ("video", "companion_video")]
    assert len(names["found"].fetchall()) == len(names["rows"]) == 6
    for video_FHWC in next(iter(names["pairs"])):
        assert video_FHWC.shape == (8, 32, 32, 3)


@pytest.mark.parametrize(
    "stage",
    [
        name
        for name in ("partner", "companion", "relight", "pairscores", "pairlatents", "relitlatents")
        if name in STAGES
    ],
)
def test_the_columns_of_pairs_are_those_on_the_page(stage: str) -> None:
    columns = {name for name, hint in row_fields(STAGES[stage].Output).items() if not is_blob(hint)} - {"id"}
    section = PAIRS.read_text().partition(f"\n### {stage}\n")[2].partition("\n#")[0]
    named = {
        word for head in re.findall(r"^\| (`.*?) \|", section, re.M) for word in re.findall(r"`(\w+)`", head)
    }
    assert named <= columns
    elsewhere = set(re.findall(r"`(\w+)`", RELIGHTING.read_text())) if stage == "relight" else set()
    assert columns <= named | elsewhere


def test_the_stage_on_the_page_works() -> None:
    names: dict[str, Any] = {"__name__": "pace"}
    (code,) = blocks(STAGE_PAGE, "python")
    exec(code, names)
    pace = names["Pace"]()
    moving, still = (names["PaceInput"](id, motion, 25.0) for id, motion in (("a", 0.5), ("b", 0.0)))
    assert pace([moving, still])[0] == names["PaceRow"]("a", 1250.0)
    assert isinstance(pace([moving, still])[1], Rejected)
    stages = stages_of(RECIPES["world"])
    later = list(stages).index("speakers")
    named = list(stages.items())
    (node,) = (
        n for n in nodes_of(dict([*named[:later], ("pace", pace), *named[later:]])) if n.name == "pace"
    )
    assert node.reads == ("quality", "ingest")


def test_weights_are_loaded_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(PRESETS["mini"], layers=1, dim=48)  # no preset
    about = {"dit": json.dumps(asdict(config))}
    save_file(VideoDit(config).state_dict(), tmp_path / "weights.safetensors", {"about": json.dumps(about)})
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (code,) = blocks(NETWORK, "python")
    exec(code, names)
    assert names["net"].config == config


def looking() -> list[Command]:
    """Commands in blocks that write nothing."""
    shown = [command for page in PAGES for command in commands(page) if command.whole]
    return [
        command
        for command in shown
        if " ".join(command.words[1:]).startswith(LOOKING) and "--yes" not in command.words
    ]


@pytest.fixture
def look(
    ran: Ran,
    run_command: Callable[..., str],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Command], str]:
    """Runs such a command on the small catalog instead of its own; pictures that it writes are nobody's."""
    monkeypatch.chdir(tmp_path)
    today = datetime.now(UTC).date().isoformat()

    def run(command: Command) -> str:
        words = [today if DAY.fullmatch(word) else word for word in command.words[1:]]
        words += ["--catalog", ran.catalog.root]
        if words[0] == "plan":
            words += [
                "--recipe",
                "world",
                "--source",
                str(Path(ran.catalog.root).parent / "videos"),
                "--profile",
                "laptop",
            ]
        for name in set(words) & {ALIAS}:
            move(ran.catalog, name, "v1")
        said = run_command(*words)
        for name in set(words) & {ALIAS}:  # a table of versions has a column more where there are any
            move(ran.catalog, name, "")
        return said

    return run


def test_commands_that_look_run_and_their_tables_are_those_on_the_pages(
    ran: Ran, look: Callable[[Command], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert {command.words[1] for command in looking()} > {"plan", "status", "trace", "diff", "forget"}
    said = "".join(look(command) for command in looking())
    show_funnel(ran.version.manifest["funnel"])
    printed = heads(said + capsys.readouterr().out)
    shown = [head for page in PAGES for block in blocks(page, "") for head in heads(block)]
    assert len(set(shown)) >= 5, "plan, funnel, and three of status"
    assert set(shown) <= set(printed)


def heads(text: str) -> list[tuple[str, ...]]:
    """First lines of tables."""
    lines = re.findall(r"^((?:stage|run|version) .*)$", text, re.M)
    return [tuple(line.split()) for line in lines if not re.search(r"[^A-Za-z ]", line)]
