"""`redub import`: what it says of a folder of pairs made elsewhere, to people and to programs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.sources import list_sources
from storage.store import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("original/a.mp4", "dubbed/a.mp4", "original/[b].mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_it_says_what_it_found_what_is_alone_and_what_comes_next(
    folder: Path, run_command: Callable[..., str]
) -> None:
    said = run_command("import", "folders", ".", "--out", "pairs.csv")
    assert "1 pairs in ., 1 files without" in said
    assert "original/[b].mp4: its other half is not there" in said
    assert "redub rebuild --source pairs.csv --licence TEXT --consent TEXT" in said
    (source,) = list_sources("pairs.csv", Store(), "CC0", "given").sources
    assert (source.uri, source.companion) == (str(folder / "original/a.mp4"), str(folder / "dubbed/a.mp4"))


def test_programs_get_the_same_as_json(folder: Path, run_command: Callable[..., str]) -> None:
    found = json.loads(run_command("import", "folders", ".", "--json"))
    assert (found["manifest"], found["layout"]) == ("pairs.csv", "folders")
    assert [pair["dubbed"] for pair in found["pairs"]] == ["dubbed/a.mp4"]
    assert [one["file"] for one in found["alone"]] == ["original/[b].mp4"]


def test_without_a_pair_nothing_is_written_and_it_fails(
    folder: Path, run_command: Callable[..., str]
) -> None:
    said = run_command("import", "suffixes", ".", check=False)
    assert "0 pairs" in said
    assert not (folder / "pairs.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("xdub", "."), "wants --originals"),
        (("folders", ".", "--originals", "."), "--originals is for the layout xdub"),
        (("folders", "nowhere"), "there is no folder nowhere/original"),
        (("pinch", "."), "folders"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wanted(
    folder: Path, run_command: Callable[..., str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(run_command("import", *arguments, check=False).split())
