"""Stages that answer all rows at once: one unit of work, which no profile divides and no second run breaks."""

from pathlib import Path

import pytest

from flows.recipes import RECIPES, STAGES
from flows.run.graph import nodes_of, stages_of
from flows.run.pipeline import build_jobs
from flows.run.request import check_needs
from infra.profiles import Profile, ProfileError
from storage.ledger.catalog import Catalog
from storage.ledger.selection import select
from tasks.screen import Screen, ScreenConfig
from tasks.stage import Collective, Stage, is_whole
from tests.toy.inline import run_inline, write_words
from tests.toy.stages import Length, Lines, Long, Ordinal


def test_rows_that_are_known_come_without_their_blobs(tmp_path: Path) -> None:
    words = write_words(tmp_path / "words", a="beta\nalpha")
    long = Long(Long.Config(at_least=0))
    stages: dict[str, Stage] = {stage.name: stage for stage in (Lines(), Ordinal(), Length(), long)}
    run_inline(words, tmp_path / "catalog", stages)
    write_words(words, b="aaa")
    ran = run_inline(words, tmp_path / "catalog", stages)
    table = ran.catalog.table(ran.nodes[1])
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
    stages = stages_of(RECIPES["world"])
    nodes, catalog = nodes_of(stages), Catalog(str(tmp_path))
    chosen = select(catalog, nodes, [])
    jobs, _ = build_jobs(catalog, stages, nodes, chosen, Profile(name="mine"), "run", {}, {})
    assert [job.name for job in jobs if job.whole] == ["speakers", "partner"]
    assert {name for name, stage in STAGES.items() if issubclass(stage, Collective)} == {
        "speakers",
        "screen",
        "partner",
    }
    assert [is_whole(Screen(ScreenConfig(policy=p))) for p in ("none", "worst", "all")] == [
        False,
        True,
        False,
    ]
