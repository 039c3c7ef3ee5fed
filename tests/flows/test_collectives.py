"""Stages that answer all rows at once: one unit of work, which no profile divides and no second run breaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.recipes import RECIPES, STAGES
from flows.run.graph import nodes_of, stages_of
from flows.run.pipeline import build_jobs
from flows.run.request import check_needs
from infra.profiles import Profile, ProfileError
from storage.ledger.catalog import Catalog
from storage.ledger.rows import Blob
from storage.ledger.selection import select
from tasks.screen import Screen, ScreenConfig
from tasks.stage import Collective, is_whole
from tests.toy.inline import run_inline, write_words
from tests.toy.stages import Lines


class Ordinal(Collective):
    """Numbers the lines, going on from the highest number given so far, and stamps each with a picture of it."""

    name = "ordinal"
    reads = (Lines,)
    facts = ("split",)

    @dataclass(frozen=True)
    class Input:
        id: str
        text: str

    @dataclass(frozen=True)
    class Output:
        id: str
        number: int
        split: str
        stamp: Blob

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        assert all(row.stamp is None for row in known), "blobs are not read for what is known"
        first = 1 + max((row.number for row in known), default=-1)
        order = sorted(rows, key=lambda row: row.text)
        numbers = {row.id: first + place for place, row in enumerate(order)}
        return [self.Output(row.id, numbers[row.id], "train", b"%d" % numbers[row.id]) for row in rows]


def test_rows_that_are_known_come_without_their_blobs(tmp_path: Path) -> None:
    words = write_words(tmp_path / "words", a="beta\nalpha")
    stages = {stage.name: stage for stage in (Lines(), Ordinal())}
    run_inline(words, tmp_path / "catalog", stages)
    write_words(words, b="aaa")
    ran = run_inline(words, tmp_path / "catalog", stages)
    table = ran.catalog.table(ran.nodes[-1])
    rows = table.select(None, ["number"])
    assert sorted(rows["number"].to_pylist()) == [0, 1, 2]
    stamps = table.read(rows["_rowid"].to_pylist(), ["number", "stamp"])
    assert all(row["stamp"] == b"%d" % row["number"] for row in stamps)


@pytest.mark.parametrize("stage", ["speakers", "screen"])
def test_a_profile_cannot_divide_a_collective(stage: str) -> None:
    with pytest.raises(ProfileError, match=rf"sets needs\.{stage}\.batch.*all its rows at once"):
        check_needs(Profile(name="mine", needs={stage: {"batch": 4}}))
    check_needs(Profile(name="mine", needs={stage: {"timeout_s": 60}, "quality": {"batch": 4}}))


def test_jobs_of_collectives_are_whole_and_others_are_not(tmp_path: Path) -> None:
    stages = stages_of(RECIPES["mini"])
    nodes, catalog = nodes_of(stages), Catalog(str(tmp_path))
    chosen = select(catalog, nodes, [])
    jobs, _ = build_jobs(catalog, stages, nodes, chosen, Profile(name="mine"), "run", {}, {})
    assert [job.name for job in jobs if job.whole] == ["speakers"]
    assert {name for name, stage in STAGES.items() if issubclass(stage, Collective)} == {"speakers", "screen"}
    assert [is_whole(Screen(ScreenConfig(policy=p))) for p in ("none", "worst", "all")] == [
        False,
        True,
        False,
    ]
