"""From the page to the csv and back: hostile names, wrong lines, Excel, and what the next rebuild is said to do."""

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command.review import app
from flows.looking.mask_answers import read_lines, read_text, take, write_page
from flows.looking.mask_cards import awaiting, cards_of
from flows.looking.mask_page import summary
from storage.ledger.mask_verdicts import ReviewError
from tests.toy.inline import Ran, run_inline, toy_stages, write_words
from tests.toy.masks import make_known, screened

HOSTILE = "<img src=x onerror=alert(1)>|`[x](javascript:1)"


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_known(monkeypatch)
    return write_words(
        tmp_path / "words", a="cup 0.2\nhair 0.7\nmike 0.9", **{HOSTILE: "</script><script>alert(2) 0.1"}
    )


def rebuild(words: Path, model: str = "tiny") -> Ran:
    return run_inline(words, words.parent / "catalog", screened(model, policy="worst", worst_count=3))


def answer(sheet: Path, **verdicts: str) -> str:
    """review.csv with the verdicts of the clips in order: worst, middle, best."""
    rows = list(csv.DictReader(io.StringIO((sheet / "review.csv").read_text())))
    for row, place in zip(rows, ("worst", "middle", "best"), strict=True):
        row["verdict"] = verdicts.get(place, "")
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def test_the_page_shows_the_worst_first_and_runs_nobody_elses_script(words: Path, tmp_path: Path) -> None:
    ran = rebuild(words)
    cards = cards_of(ran.catalog)
    assert [card.facts[0] for card in cards] == ["stability: 0.1", "stability: 0.2", "stability: 0.7"]
    assert cards[0].why == "stability 0.1 is among the 3 worst"
    page = Path(write_page(ran.catalog, cards, str(tmp_path / "sheet"))).read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert page.count("<script>") == 1
    assert "<p class=why>stability 0.2 is among the 3 worst</p>" in page
    assert page.count("<img ") == 3
    assert "&lt;/script&gt;" in page
    assert "default-src 'none'" in page
    told = summary(cards, "sheet/index.html", "catalog")
    assert "<" not in told
    assert "](javascript" not in told


def test_verdicts_come_back_and_the_next_rebuild_does_what_was_said(words: Path, tmp_path: Path) -> None:
    ran = rebuild(words)
    write_page(ran.catalog, cards_of(ran.catalog), str(tmp_path / "sheet"))
    said = take(ran.catalog, answer(tmp_path / "sheet", worst="accept", middle="reject"), "Ana")
    assert "2 verdicts are new (1 accept, 1 reject), 0 were there before" in said
    assert "answers 2 clips at screen again" in said
    after = rebuild(words)
    assert (after.computed["screen"], after.version.manifest["rows"]) == (2, 2)
    assert awaiting(after.catalog, after.nodes) == 1
    assert [card.facts[0] for card in cards_of(after.catalog)] == ["stability: 0.7"]
    assert len(cards_of(after.catalog, everything=True)) == 4


def test_the_commands(words: Path, tmp_path: Path) -> None:
    ran, redub = rebuild(words), CliRunner()
    catalog, sheet = ("-c", ran.catalog.root), tmp_path / "sheet"
    told = redub.invoke(app, ["export", "--out", str(sheet), "--limit", "2", *catalog])
    assert f"2 clips: {sheet}/index.html" in told.stdout
    again = redub.invoke(app, ["import", str(sheet / "review.csv"), "--who", "Ana", *catalog])
    assert "0 verdicts are new" in again.stdout, "nothing was filled in"
    wrong = redub.invoke(app, ["import", str(sheet / "none.csv"), "--who", "Ana", *catalog])
    assert isinstance(wrong.exception, ReviewError)


def test_verdicts_about_masks_that_are_no_more_are_kept_but_do_not_count(words: Path, tmp_path: Path) -> None:
    ran = rebuild(words)
    write_page(ran.catalog, cards_of(ran.catalog), str(tmp_path / "sheet"))
    newer = rebuild(words, "big")
    said = take(newer.catalog, answer(tmp_path / "sheet", worst="accept"), "Ana")
    assert "1 are about masks that have been made anew since" in said
    assert "answers 0 clips" in said
    assert awaiting(newer.catalog, newer.nodes) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no 'item'"),
        ("item,note\nx,y\n", "there is no 'verdict'"),
        ('item,verdict\nx,"acc', "is not one of accept"),
        ("item,verdict\nx," + "a" * 200_000, "line 2 can't be read as csv: field larger"),
        ("item,verdict\n\nx,accept\n", "line 3: masks .* has no item 'x'"),
    ],
)
def test_a_csv_that_is_none_is_refused_with_its_line(words: Path, text: str, told: str) -> None:
    with pytest.raises(ReviewError, match=told):
        take(rebuild(words).catalog, text, "Ana")


def test_excel_may_have_been_at_it() -> None:
    (line,) = read_lines("\ufeffitem;verdict;note;seen\r\nx; redo ;a, b;f\r\ny;;;f\r\n")
    assert (line.number, line.item, line.verdict, line.note, line.seen) == (2, "x", "redo", "a, b", "f")


def test_a_file_that_is_no_text_is_named(words: Path) -> None:
    (words / "photo.csv").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ReviewError, match=r"photo.csv can't be read as a csv in UTF-8"):
        read_text(rebuild(words).catalog, str(words / "photo.csv"))


def test_without_a_screen_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    ran = run_inline(write_words(tmp_path / "words", a="alpha"), tmp_path / "catalog", toy_stages())
    assert awaiting(ran.catalog, ran.nodes) == 0
    with pytest.raises(ReviewError, match="had a screen yet"):
        cards_of(ran.catalog)
