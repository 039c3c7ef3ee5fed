"""Reading another item's row through a column that names it: in the feed, the selection, the fingerprint, a trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flows.run.graph import nodes_of
from storage.ledger.rows import Blob
from storage.versions.lineage import trace
from storage.versions.speaker_split import split_of
from storage.versions.version import load_version
from tasks.stage import Annotate, Collective, Stage, StageConfig, Through
from tests.toy.inline import Ran, run_inline, write_words
from tests.toy.stages import SHARES, Length, Lines


class Partner(Collective):
    """Another line of the same speaker: the next one by its text, the first after the last."""

    name = "partner"
    reads = (Lines,)

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str
        speaker: str

    @dataclass(frozen=True)
    class Output:
        id: str
        partner: str | None

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        order = sorted(rows, key=lambda row: (row.speaker, row.text))
        after = {a.id: b.id for a, b in zip(order, order[1:] + order[:1], strict=True) if a.id != b.id}
        return [self.Output(row.id, after.get(row.id)) for row in rows]


class Duet(Annotate):
    """A line's own text, and what the row of its partner says."""

    name = "duet"
    reads = (Partner, Lines, Through(Length, by="partner"), Through(Lines, by="partner"))
    facts = ("split",)

    class Config(StageConfig):
        between: str = " / "

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str
        speaker: str
        partner_text: str
        partner_length: float
        partner_echo: Blob

    @dataclass(frozen=True)
    class Output:
        id: str
        both: str
        split: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        assert row.partner_echo == row.partner_text.encode() * 50
        assert row.partner_length % len(row.partner_text) == 0
        both = row.text + self.config.between + row.partner_text
        return self.Output(row.id, both, split_of(row.speaker, SHARES))


def stages(scale: float = 1.0, between: str = " / ") -> dict[str, Stage]:
    duet = Duet(Duet.Config(between=between))
    made = (Lines(), Length(Length.Config(scale=scale)), Partner(), duet)
    return {stage.name: stage for stage in made}


def rebuild(words: Path, **settings: Any) -> Ran:
    return run_inline(words, words.parent / "catalog", stages(**settings))


def duets(ran: Ran) -> list[str]:
    return sorted(load_version(ran.catalog, ran.version.tag)[1].to_table()["duet_both"].to_pylist())


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return write_words(tmp_path / "words", a="one\ntwo\nthree", b="four\nfive")


def test_a_stage_reads_the_row_that_a_column_names(words: Path) -> None:
    ran = rebuild(words)
    lines = ["one", "three", "two", "five", "four"]
    assert duets(ran) == sorted(f"{a} / {b}" for a, b in zip(lines, lines[1:] + lines[:1], strict=True))
    assert ran.computed == {"lines": 2, "length": 5, "partner": 5, "duet": 5}


def test_again_nothing_is_computed_and_a_setting_computes_only_its_stage(words: Path) -> None:
    rebuild(words)
    again = rebuild(words)
    assert again.before.nothing_to_do
    assert not again.version.new
    assert rebuild(words, between=" & ").computed == {"lines": 0, "length": 0, "partner": 0, "duet": 5}


def test_what_is_read_through_enters_the_fingerprint_and_so_does_who_names_it() -> None:
    def fingerprint(**settings: Any) -> str:
        return {node.name: node.fingerprint for node in nodes_of(stages(**settings))}["duet"]

    assert fingerprint(scale=2.0) != fingerprint()
    nodes = {node.name: node for node in nodes_of(stages())}
    assert nodes["duet"].computation.upstream == [
        nodes["partner"].fingerprint,
        nodes["lines"].fingerprint,
        f"{nodes['length'].fingerprint} by partner",
        f"{nodes['lines'].fingerprint} by partner",
    ]


def test_a_plan_expects_what_comes_through_a_name(words: Path) -> None:
    ran = rebuild(words)
    assert {s.name: s.compute + s.arriving for s in ran.before.stages}["duet"] == 2, (
        "sources, as nothing is known"
    )
    plan = {s.name: (s.compute, s.arriving) for s in rebuild(words, scale=2.0).before.stages}
    assert plan["length"] == (5, 0)
    assert plan["duet"] == (0, 5)


def test_an_item_whose_other_is_not_accepted_is_counted_and_traced(words: Path) -> None:
    write_words(words, c="poison")
    ran = rebuild(words)
    assert ran.version.manifest["rows"] == 4, "neither the one that is held nor the one that names it"
    row = ran.version.manifest["funnel"][-1]
    assert (row["stage"], row["unmet"], row["pending"]) == ("duet", 1, 0), "the one whose partner is held"
    _, rows = load_version(ran.catalog, "v1")
    assert not any("poison" in both for both in rows.to_table()["duet_both"].to_pylist() if "/ p" in both)


def test_a_trace_leads_to_the_other_item_and_its_source(words: Path) -> None:
    ran = rebuild(words)
    _, rows = load_version(ran.catalog, "v1")
    table = rows.to_table()
    by_text = dict(zip(table["lines_text"].to_pylist(), table["item_id"].to_pylist(), strict=True))
    found = trace(ran.catalog, by_text["two"])
    named = [(s.stage, s.named_by) for s in found.steps if s.row["item_id"] == by_text["five"]]
    assert named == [("lines", "partner"), ("length", "partner")]
    assert set(found.uris) == {str(words / "a.txt"), str(words / "b.txt")}
    assert not [s for s in found.steps if s.row["item_id"] == by_text["one"]], (
        "its siblings have no part in it"
    )


class Within(Partner):
    """The next line of the same speaker; the last one has none."""

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        order = sorted(rows, key=lambda row: (row.speaker, row.text))
        after = {a.id: b.id for a, b in pairwise(order) if a.speaker == b.speaker}
        return [self.Output(row.id, after.get(row.id)) for row in rows]


class Solo(Duet):
    """Whoever names nobody sings alone."""

    name = "solo"
    reads = (
        Partner,
        Lines,
        Through(Length, by="partner", optional=True),
        Through(Lines, by="partner", optional=True),
    )

    def _one(self, row: Any) -> Any:
        with_whom = "" if row.partner_text is None else f" / {row.partner_text}"
        assert (row.partner_echo is None) == (row.partner_length is None) == (not with_whom)
        return self.Output(row.id, row.text + with_whom, split_of(row.speaker, SHARES))


def test_who_need_not_name_another_is_read_without(words: Path) -> None:
    (words / "b.txt").write_text("four")
    made: tuple[Stage, ...] = (Lines(), Length(), Within(), Solo())
    for expected in (4, 0):
        ran = run_inline(words, words.parent / "catalog", {stage.name: stage for stage in made})
        assert ran.computed["solo"] == expected
    rows = load_version(ran.catalog, ran.version.tag)[1].to_table()["solo_both"].to_pylist()
    assert sorted(rows) == ["four", "one / three", "three / two", "two"]
    (words / "c.txt").write_text("five\nsix")
    more = run_inline(words, words.parent / "catalog", {stage.name: stage for stage in made})
    assert more.computed["solo"] == 2


def test_touched_sources_come_through_too(words: Path) -> None:
    import os

    wanted = duets(rebuild(words, between=" + "))
    (words.parent / "catalog").rename(words.parent / "other")
    rebuild(words)
    for file in words.iterdir():
        os.utime(file, ns=(1, 1))
    ran = rebuild(words, between=" + ")
    assert duets(ran) == wanted
    assert ran.computed == {"lines": 2, "length": 0, "partner": 0, "duet": 5}


def test_rows_leave_with_the_item_that_they_were_made_from(words: Path) -> None:
    rebuild(words)
    (words / "b.txt").unlink()
    ran = rebuild(words)
    assert [text for text in duets(ran) if "five" in text or "four" in text] == []
    assert ran.version.manifest["funnel"][-1]["unmet"] == 1
    write_words(words, b="four\nfive")
    back = rebuild(words)
    assert (back.computed["duet"], back.version.manifest["rows"]) == (0, 5)


def test_a_name_that_no_stage_gives_is_told() -> None:
    class Lost(Duet):
        reads = (Lines, Through(Length, by="partner"))

    with pytest.raises(TypeError, match="reads through 'partner', which no stage"):
        nodes_of({stage.name: stage for stage in (Lines(), Length(), Lost())})
