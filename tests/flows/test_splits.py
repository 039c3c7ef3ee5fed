"""Splits by speaker need somebody who can tell the speakers apart: a model, or whoever wrote the manifest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.errors import SpeakersUnknown
from flows.recipe_files import load_recipe
from flows.recipes import WorldRecipe
from flows.run.driver import Rebuild
from flows.run.request import Request
from flows.run.splits import check_splits
from infra.profiles import load_profile
from storage.sources import Listing, list_sources
from storage.store import Store
from tests.flows.test_footage import films

NOBODY = "ingest.identity_model=''"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return films(tmp_path / "films", 3)


def named(folder: Path, *speakers: str) -> Listing:
    lines = [
        f"{path.name},{name},CC0,signed"
        for path, name in zip(sorted(folder.glob("*.mp4")), speakers, strict=True)
    ]
    (folder / "manifest.csv").write_text("\n".join(["uri,speaker,licence,consent", *lines]))
    return list_sources(str(folder), Store())


def test_splits_that_would_be_by_track_are_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, run_command: Callable[..., str]
) -> None:
    request = Request(
        str(folder), str(tmp_path / "c"), load_recipe("world", [NOBODY]), "world", load_profile("laptop"), "CC0", "signed",
        anyway="to see it",
    )  # fmt: skip
    with Rebuild(request) as run, pytest.raises(SpeakersUnknown) as refused:
        run.prepare()
    said = str(refused.value)
    assert f"nobody can tell who is seen in 3 of 3 sources ({folder / '000.mp4'}, ...)" in said
    for remedy in ("--set ingest.identity_model=NAME", "`speaker`", "--set 'speakers.shares={train: 1}'"):
        assert remedy in said
    assert not list((tmp_path / "c").glob("*.lance"))
    plan = (
        "plan",
        "-r",
        "world",
        "-s",
        folder,
        "-c",
        tmp_path / "c",
        "--licence",
        "CC0",
        "--consent",
        "x",
        "--set",
        NOBODY,
    )
    assert "`redub rebuild` would refuse this: ingest.identity_model is empty" in " ".join(
        run_command(*plan).split()
    )


@pytest.mark.parametrize("setting", ["speakers.shares={train: 1}", "speakers.shares={train: 1, val: 0}"])
def test_without_splits_nothing_is_at_stake(folder: Path, setting: str) -> None:
    check_splits(load_recipe("world", [NOBODY, setting]), list_sources(str(folder), Store()))


def test_names_in_the_manifest_are_enough_when_all_have_one(folder: Path) -> None:
    recipe = load_recipe("world", [NOBODY])
    check_splits(recipe, named(folder, "ann", "ann", "bob"))
    with pytest.raises(SpeakersUnknown, match=r"in 1 of 3 sources \(.*001.mp4\)"):
        check_splits(recipe, named(folder, "ann", "", "bob"))


def test_an_identity_model_is_enough_and_takes_are_not_split(folder: Path) -> None:
    check_splits(load_recipe("world"), list_sources(str(folder), Store()))
    check_splits(WorldRecipe(), list_sources(str(folder), Store()))
