"""Verdicts of people: who they are about, which one stands, and that a wrong csv changes nothing."""

from pathlib import Path

import pytest

from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.mask_verdicts import Line, ReviewError, give, newest
from tests.storage.ledger import NODE, rows


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(str(tmp_path))
    catalog.record([NODE])
    catalog.table(NODE).append(rows(0, 5))
    return catalog


def line(i: int, verdict: str = "accept", *, number: int = 2, note: str = "", seen: str = "") -> Line:
    return Line(number, f"item{i:06d}", verdict, note, seen)


def test_the_newest_verdict_stands_and_saying_it_again_adds_nothing(catalog: Catalog) -> None:
    give(catalog, NODE, [line(1), line(2, "redo", note="hand, left")], "Ana")
    again, as_before = give(catalog, NODE, [line(1), line(2, "reject")], "Ana")
    assert ([r.verdict for r in again], as_before) == (["reject"], 1)
    stand = newest(Catalog(catalog.root), NODE.fingerprint)
    assert {i: r.verdict for i, r in stand.items()} == {"item000001": "accept", "item000002": "reject"}
    assert open_table(catalog, "reviews").count_rows() == 3, "what was said before is still there"


def test_a_verdict_is_about_what_was_seen(catalog: Catalog) -> None:
    give(catalog, NODE, [line(1)], "Ana")
    assert newest(catalog, "another fingerprint") == {}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (line(9, number=7), "line 7: scored .* has no item 'item000009'"),
        (line(3, "fine", number=7), "line 7: 'fine' is not one of accept, reject, redo"),
        (line(1, "reject", number=7), "line 7: 'item000001' is on line 2 already"),
        (line(3, number=7, seen="' OR true --"), "line 7: scored ' OR true -- has no item 'item000003'"),
    ],
)
def test_one_wrong_line_is_named_and_nothing_is_written(catalog: Catalog, wrong: Line, told: str) -> None:
    with pytest.raises(ReviewError, match=told):
        give(catalog, NODE, [line(1), wrong], "Ana")
    assert open_table(catalog, "reviews") is None


def test_verdicts_need_a_name(catalog: Catalog) -> None:
    with pytest.raises(ReviewError, match="--who"):
        give(catalog, NODE, [line(1)], "  ")
