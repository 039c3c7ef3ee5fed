"""Who is asked for, what a verdict does to a clip, and what the next rebuild then computes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.ledger.mask_verdicts import Line, Review, give
from tasks.screen import HeldBack, Screen, ScreenConfig, ScreenInput, ScreenRow
from tests.toy.inline import Ran, run_inline, write_words
from tests.toy.masks import screened


def review(verdict: str) -> Review:
    return Review("k1", "x", "f", verdict, "a hand is missing", "Ana", datetime(2026, 3, 1, tzinfo=UTC))


def clip(name: str, stability: float = 0.9, verdict: str = "", **seen: Any) -> ScreenInput:
    return ScreenInput(name, stability, review(verdict) if verdict else None, **seen)


def asked(rows: list[ScreenInput], **settings: Any) -> list[str]:
    answers = Screen(ScreenConfig(**settings))(rows, [])
    return [a.id for a in answers if isinstance(a, HeldBack) and a.code == "awaiting_review"]


def test_the_policy_says_whose_masks_are_looked_at() -> None:
    rows = [clip("a", 0.9), clip("b", 0.2), clip("c", float("nan")), clip("d", 0.5), clip("e", 0.1, "accept")]
    assert asked(rows, policy="none") == []
    assert asked(rows, policy="all") == ["a", "b", "c", "d"], "e was judged"
    assert asked(rows, policy="worst", worst_share=0.3) == ["b", "c"], "no stability at all is the worst"
    assert asked(rows, policy="worst", worst_share=0.0, worst_count=3) == ["b", "c", "d"]
    assert asked(rows, policy="worst", worst_share=0.0) == []
    assert asked([], policy="worst") == []


def test_what_is_doubtful_waits_and_the_reason_says_why() -> None:
    rows = [
        clip("bare", 1.0),
        clip("hand", 0.5, doubt="hand over the lower face on 3 (up to 20% of it) of 75 frames"),
        clip("loose", 0.8),
        clip("two", 1.0, faces=2),
        clip("both", float("nan"), doubt="no mouth seen on 9 of 75 frames", faces=3),
        clip("judged", 0.1, "accept"),
    ]
    answers = {
        a.id: a.reason for a in Screen(ScreenConfig(policy="doubtful"))(rows, []) if isinstance(a, HeldBack)
    }
    assert answers.keys() == {"hand", "loose", "two", "both"}
    assert answers["hand"].startswith("hand over the lower face on 3 (up to 20% of it) of 75 frames: see ")
    assert answers["loose"].startswith("the masks change with their threshold (stability 0.8, below 1)")
    assert answers["two"].startswith("2 faces were seen at once")
    assert answers["both"].startswith("no mouth seen on 9 of 75 frames; 3 faces were seen at once")


def test_the_limit_of_a_doubt_can_be_set_and_enters_no_other_policy() -> None:
    rows = [clip("a", 0.9), clip("b", 0.8, faces=2), clip("c", 0.6)]
    assert asked(rows, policy="doubtful", doubtful_below=0.7) == ["b", "c"]
    assert set(ScreenConfig(policy="worst").model_dump()) == {"policy", "worst_share", "worst_count"}
    assert ScreenConfig(policy="doubtful", doubtful_below=0.7).model_dump()["doubtful_below"] == 0.7
    with pytest.raises(ValueError, match="set policy to doubtful"):
        ScreenConfig(doubtful_below=0.7)


@pytest.mark.parametrize("policy", ["none", "worst", "doubtful", "all"])
def test_a_verdict_counts_under_any_policy(policy: Any) -> None:
    screen = Screen(ScreenConfig(policy=policy))
    rejected, redo, accepted = screen(
        [clip("a", 1, "reject"), clip("b", 1, "redo"), clip("c", 0, "accept")], []
    )
    assert isinstance(rejected, HeldBack)
    assert (rejected.code, rejected.review) == ("rejected_by_reviewer", "k1")
    assert "Ana, 2026-03-01 00:00: a hand is missing" in rejected.reason
    assert isinstance(redo, HeldBack)
    assert redo.code == "redo_asked"
    assert accepted == ScreenRow("c", True, "k1")


def test_only_the_worst_needs_all_rows_at_once() -> None:
    whole = {p: Screen(ScreenConfig(policy=p)).whole() for p in ("none", "worst", "doubtful", "all")}
    assert whole == {"none": False, "worst": True, "doubtful": False, "all": False}


# -- rebuilds ---------------------------------------------------------------------------------------------


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return write_words(tmp_path / "words", a="hand 0.9\ncup 0.2\nhair 0.7", b="pen 0.1\nscarf 0.8\nmike 0.95")


def rebuild(words: Path, model: str = "tiny", **settings: Any) -> Ran:
    return run_inline(words, words.parent / "catalog", screened(model, **settings))


def judge(ran: Ran, **verdicts: str) -> None:
    node = next(n for n in ran.nodes if n.name == "masks")
    items = items_of(ran)
    give(
        ran.catalog, node, [Line(n, items[w], v, "", "") for n, (w, v) in enumerate(verdicts.items())], "Ana"
    )


def items_of(ran: Ran) -> dict[str, str]:
    lines = ran.catalog.table(ran.nodes[0]).select(None, ["item_id", "text"]).to_pylist()
    return {row["text"].split()[0]: row["item_id"] for row in lines}


def kept(ran: Ran) -> set[str]:
    names = {item: word for word, item in items_of(ran).items()}
    return {names[item] for item in ran.chosen["kept"].ok["item_id"].to_pylist()}


def codes(ran: Ran) -> dict[str, str]:
    names = {item: word for word, item in items_of(ran).items()}
    newest = ran.chosen["screen"].states["_rowid"].to_pylist()
    found = ran.catalog.table(ran.nodes[2]).read(newest, ["item_id", "code"])
    return {names[row["item_id"]]: row["code"] for row in found if row["code"]}


WORST = {"policy": "worst", "worst_count": 2}


def test_the_worst_wait_until_their_verdict_comes_and_nothing_else_is_computed(words: Path) -> None:
    first = rebuild(words, **WORST)
    assert codes(first) == {"cup": "awaiting_review", "pen": "awaiting_review"}
    assert rebuild(words, **WORST).before.nothing_to_do, "waiting costs nothing"
    judge(first, cup="accept")
    second = rebuild(words, **WORST)
    assert {s.name: s.retried for s in second.before.stages if s.retried} == {"screen": 1}
    assert second.computed == {"lines": 0, "masks": 0, "screen": 1, "kept": 1}
    assert kept(second) == {"hand", "cup", "hair", "scarf", "mike"}
    assert codes(second) == {"pen": "awaiting_review"}
    assert rebuild(words, **WORST).before.nothing_to_do


def test_a_newer_verdict_supersedes_and_what_was_computed_is_reused(words: Path) -> None:
    first = rebuild(words)
    judge(first, hand="reject", cup="redo")
    second = rebuild(words)
    assert second.computed == {"lines": 0, "masks": 0, "screen": 2, "kept": 0}
    assert codes(second) == {"hand": "rejected_by_reviewer", "cup": "redo_asked"}
    assert kept(second) == {"hair", "pen", "scarf", "mike"}
    judge(first, hand="accept")
    third = rebuild(words)
    assert third.computed == {"lines": 0, "masks": 0, "screen": 1, "kept": 0}
    assert "hand" in kept(third)


def test_other_masks_have_no_verdict_and_the_old_ones_keep_theirs(words: Path) -> None:
    judge(rebuild(words), hand="redo", cup="accept")
    assert codes(rebuild(words, model="big")) == {}, "other masks exist"
    assert codes(rebuild(words, model="big", **WORST)).keys() == {"cup", "pen"}, "though cup was accepted"
    assert codes(rebuild(words)) == {"hand": "redo_asked"}


def test_a_verdict_reaches_rows_of_a_policy_that_was_left_for_a_while(words: Path) -> None:
    rebuild(words, **WORST)
    judge(rebuild(words), pen="accept", hair="reject")
    back = rebuild(words, **WORST)
    assert back.computed["screen"] == 2
    assert codes(back) == {"cup": "awaiting_review", "hair": "rejected_by_reviewer"}


def test_clips_that_come_later_are_ranked_among_themselves(words: Path) -> None:
    rebuild(words, policy="worst", worst_share=0.2)
    write_words(words, c="book 0.6\nglass 0.99")
    later = rebuild(words, policy="worst", worst_share=0.2)
    assert later.computed["screen"] == 2
    assert codes(later) == dict.fromkeys(("pen", "cup", "book"), "awaiting_review")
