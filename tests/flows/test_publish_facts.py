"""A version says of every row its split, licence and consent, by what stages declare and not by how columns are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.recipes import RECIPES, WorldRecipe
from flows.run.graph import nodes_of, stages_of
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.sources import Listing, make_source
from storage.versions.publish import declared_facts
from storage.versions.version import member_rows, tags
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
def test_a_row_without_a_split_is_refused(
    words: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setattr(Long, "_one", lambda _, row: Long.Output(row.id, value))  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=r"3 rows have no split in long_split, so no version"):
        run_inline(words, words.parent / "catalog", toy_stages())
    assert tags(Catalog(str(words.parent / "catalog"))) == []


@pytest.mark.parametrize(("fact", "given"), [("licence", (" ", "signed")), ("consent", ("CC0", ""))])
def test_a_row_without_rights_is_refused(
    words: Path, monkeypatch: pytest.MonkeyPatch, fact: str, given: tuple[str, str]
) -> None:
    """Listing refuses such sources; should one come so far all the same, it ends here."""
    said = {path.name: ("CC0", "signed") for path in words.iterdir()} | {"b.txt": given}
    list_with(monkeypatch, said)
    with pytest.raises(StorageError, match=rf"1 rows have no {fact} in sources_{fact}, so no version"):
        run_inline(words, words.parent / "catalog", toy_stages())
    assert tags(Catalog(str(words.parent / "catalog"))) == []


def list_with(monkeypatch: pytest.MonkeyPatch, rights: dict[str, tuple[str, str]]) -> None:
    """The listing as a manifest would make it."""

    def listed(folder: str, *_: Any) -> Listing:
        found = [(path, *rights[path.name]) for path in sorted(Path(folder).iterdir())]
        return Listing(
            [make_source(str(path), 1, 1, licence, consent, "") for path, licence, consent in found]
        )

    monkeypatch.setattr("tests.toy.inline.list_sources", listed)


def test_corrected_rights_reach_what_was_computed_long_before(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_with(monkeypatch, {"a.txt": ("CC0", "signed"), "b.txt": ("CC0", "signed")})
    run_inline(words, words.parent / "catalog", toy_stages())
    list_with(monkeypatch, {"a.txt": ("CC0", "signed"), "b.txt": ("CC-BY-4.0", "contract 7")})
    corrected = run_inline(words, words.parent / "catalog", toy_stages())
    assert corrected.computed["length"] == 0
    assert corrected.version.new
    assert corrected.version.manifest["licences"] == {"CC0": 2, "CC-BY-4.0": 1}
    assert corrected.version.manifest["consent"] == {"signed": 2, "contract 7": 1}
    rows = member_rows(corrected.catalog, "v2").to_pylist()
    assert {row["lines_text"]: row["sources_licence"] for row in rows}["gamma"] == "CC-BY-4.0"
    assert not any(name.startswith("lines_licence") for name in rows[0]), "the copy of before is left out"
    again = run_inline(words, words.parent / "catalog", toy_stages())
    assert not again.version.new


def test_a_version_of_before_digests_is_not_published_again(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("storage.versions.publish._rights_digests", lambda *_: {})
        run_inline(words, words.parent / "catalog", toy_stages())
    again = run_inline(words, words.parent / "catalog", toy_stages())
    assert "rights" not in again.version.manifest
    assert not again.version.new
    list_with(monkeypatch, {"a.txt": ("CC0", "signed"), "b.txt": ("MIT", "signed")})
    assert run_inline(words, words.parent / "catalog", toy_stages()).version.new


def test_other_sources_of_which_nothing_is_accepted_make_no_version(words: Path) -> None:
    run_inline(words, words.parent / "catalog", toy_stages())
    write_words(words, c="no")
    assert not run_inline(words, words.parent / "catalog", toy_stages()).version.new


def test_two_stages_that_say_the_same_fact_are_a_mistake() -> None:
    class Second(After):
        name = "second"
        facts = ("split",)

    with pytest.raises(StorageError, match="second declares 'split'"):
        declared_facts(nodes_of(toy_stages() | {"second": Second()}))


def test_what_is_shipped_says_them_all() -> None:
    for recipe in (RECIPES["world"], WorldRecipe()):  # `full` differs in settings only
        found = declared_facts(nodes_of(stages_of(recipe)), recipe.required)
        assert set(recipe.required) <= set(found)
    assert declared_facts(nodes_of(stages_of(RECIPES["world"])))["split"] == "speakers_split"
