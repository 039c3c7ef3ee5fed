"""A version says of every row its split, licence and consent, by what stages declare and not by how columns are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.recipes import RECIPES, WorldRecipe
from flows.run.graph import nodes_of, stages_of
from storage.errors import StorageError
from storage.versions.publish import declared_facts
from storage.versions.version import tags
from tasks.stage import Annotate, Stage
from tests.toy.inline import run_inline, toy_stages, write_words
from tests.toy.stages import Length, Lines, Long


class After(Annotate):
    """A stage behind the one that says the split, with columns that are called as if they were rights."""

    name = "after"
    reads = (Long, Lines)

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        previous_licence: str
        consent: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.Output(row.id, "none of these", "ask Kim") for row in rows]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return write_words(tmp_path / "words", a="alpha\nbeta", b="gamma")


def test_a_stage_behind_the_split_takes_nothing_from_the_manifest(words: Path) -> None:
    before = run_inline(words, words.parent / "catalog", toy_stages())
    after = run_inline(words, words.parent / "catalog", toy_stages() | {"after": After()})
    assert after.version.new
    for counts in ("splits", "licences", "consent"):
        assert after.version.manifest[counts] == before.version.manifest[counts] != {}
    assert after.version.manifest["licences"] == {"CC0": 3}


def lines_and_length() -> dict[str, Stage]:
    return {stage.name: stage for stage in (Lines(), Length())}


def test_a_version_without_a_split_is_refused(words: Path) -> None:
    with pytest.raises(StorageError, match=r"no stage of lines, length says the split.*facts = \('split',\)"):
        run_inline(words, words.parent / "catalog", lines_and_length())


@pytest.mark.parametrize("value", ["", " ", None])
@pytest.mark.parametrize("fact", ["licence", "consent", "split"])
def test_a_row_that_says_nothing_is_refused(
    words: Path, monkeypatch: pytest.MonkeyPatch, fact: str, value: str | None
) -> None:
    stage, make = (Long, Long._one) if fact == "split" else (Lines, Lines._line)

    def forgetful(self: Any, *given: Any) -> Any:
        made = make(self, *given)
        quiet = "beta" in (getattr(made, "text", ""), getattr(given[0], "text", ""))
        if hasattr(made, fact) and (quiet or fact == "split"):
            object.__setattr__(made, fact, value)
        return made

    monkeypatch.setattr(stage, "_one" if fact == "split" else "_line", forgetful)
    with pytest.raises(StorageError, match=rf"rows have no {fact} in (lines|long)_{fact}, so no version"):
        run_inline(words, words.parent / "catalog", toy_stages())
    from storage.ledger.catalog import Catalog

    assert tags(Catalog(str(words.parent / "catalog"))) == []


def test_two_stages_that_say_the_same_fact_are_a_mistake() -> None:
    class Second(After):
        name = "second"
        facts = ("consent",)

    with pytest.raises(StorageError, match="second declares 'consent'"):
        declared_facts(nodes_of(toy_stages() | {"second": Second()}))


def test_what_is_shipped_says_them_all() -> None:
    for recipe in (RECIPES["mini"], WorldRecipe()):  # `full` differs in settings only
        found = declared_facts(nodes_of(stages_of(recipe)), recipe.required)
        assert set(recipe.required) <= set(found)
    assert declared_facts(nodes_of(stages_of(RECIPES["mini"])))["split"] == "speakers_split"
