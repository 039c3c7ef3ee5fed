"""`redub export` as a person and a program meet it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toy.inline import Ran
from tests.toy.pairs import published


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return published(tmp_path_factory.mktemp("pairs"))


@pytest.fixture
def export(ran: Ran, run_command: Callable[..., str]) -> Callable[..., str]:
    def run(*words: object, check: bool = True) -> str:
        return run_command("export", *words, "-c", ran.catalog.root, check=check)

    return run


def test_it_says_what_was_written_and_the_second_time_that_it_is_there(
    export: Callable[..., str], tmp_path: Path
) -> None:
    said = " ".join(export("v1", tmp_path / "out", "--to", "webdataset").split())
    assert "v1 is exported to webdataset: 12 pairs, 1 file, 218 kB" in said
    assert "out/manifest.json says what it may be used for" in said
    assert "v1 was whole already" in export("v1", tmp_path / "out", "--to", "webdataset")


def test_it_says_what_an_earlier_run_had_written(export: Callable[..., str], tmp_path: Path) -> None:
    export("v1", tmp_path / "out", "--to", "folder")
    for path in (tmp_path / "out" / "clips").iterdir():
        path.unlink()
    assert "59 of the files were there from an earlier run" in export(
        "v1", tmp_path / "out", "--to", "folder"
    )


def test_programs_are_answered_in_json(export: Callable[..., str], tmp_path: Path) -> None:
    said = json.loads(export("v1", tmp_path, "--to", "ltx", "--caption", "Somebody.", "--json"))
    assert said["folder"] == str(tmp_path)
    assert (said["to"], said["rows"], said["pairs"], said["left_out"]) == ("ltx", 11, True, 1)
    assert json.loads((tmp_path / "manifest.json").read_text())["export"]["caption"] == "Somebody."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("v7", "--to", "folder"), "has no version 'v7'; it has v1"),
        (("v1", "--to", "zip"), "there is no format 'zip'; there are webdataset, folder, ltx"),
        (("v1", "--to", "folder", "--split", "tain"), "no row in split 'tain'"),
    ],
)
def test_a_mistake_is_answered_with_what_exists(
    export: Callable[..., str], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(export(*words, tmp_path / "out", check=False).split())
    assert not (tmp_path / "out").exists()
