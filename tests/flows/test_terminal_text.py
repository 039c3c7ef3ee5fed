"""What others wrote does not reach the terminal raw, and a log is no screen: lines that say nothing new are not said."""

import io
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from flows.foreground.progress import AGAIN_S, ProgressLines
from flows.run.current import CurrentSource
from flows.run.progress import StageProgress
from flows.terminal.console import can_move
from flows.terminal.plain_text import PlainConsole, escape, paragraph
from tests.toy.inline import run_inline, toy_stages, write_words

EVIL = "a\x1b[2J\x1b]0;title\x07\r\nredub: all is well \u202e[bold]x\x9b31m.mp4"
HARMFUL = "\x1b\r\x07\x9b\u202e"


def test_a_name_is_one_line_without_control_characters() -> None:
    told = escape(EVIL)
    assert not set(told) & set(HARMFUL + "\n")
    assert r"\x1b[2J" in told
    assert r"\nredub: all is well" in told
    assert paragraph("two\nlines \x1b[2J") == "two\nlines \\x1b[2J"


def test_whoever_forgets_to_escape_prints_no_control_character_either() -> None:
    on = PlainConsole(file=io.StringIO(), width=200, force_terminal=True, color_system="truecolor")
    table = Table("name")
    table.add_row(EVIL.replace("[bold]", ""))
    on.print(f"[red]{escape('fine')}[/]", EVIL, table, markup=True)
    text = on.file.getvalue()
    assert "\x1b[31mfine" in text  # rich's own colours are there
    assert "\x1b[2J" not in text
    assert not set(text) & set(HARMFUL[1:])


def test_a_listing_with_such_names_says_why_each_is_refused(
    run_command: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / EVIL.replace("/", "")).symlink_to("nowhere")
    (folder / "passwd\x1b[2J").symlink_to("/etc/passwd")
    said = run_command(
        "plan",
        "--source",
        folder,
        "-c",
        tmp_path / "c",
        "-r",
        "world",
        "--licence",
        "CC0",
        "--consent",
        "signed",
    )
    assert "Nothing to compute: no source is left, all are refused." in said
    assert "every row is there" not in said
    assert "refused 1 link_outside, such as" in said
    assert "refused 1 broken_link, such as" in said
    assert not set(said) & set(HARMFUL)
    assert not [line for line in said.splitlines() if line.startswith("redub: all is well")]


def test_a_place_with_such_a_name_is_told_without_its_controls(
    run_command: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    said = run_command("status", "-c", tmp_path / "cat\x1b[2J", check=False)
    assert r"cat\x1b[2J" in said
    assert "characters that no table's place can have" in said
    assert "\x1b[2J" not in said
    said = run_command("plan", "--source", tmp_path / "empty", "-c", tmp_path / "c", "-r", "world")
    assert "Nothing to compute: no source is there." in said


def stage(name: str, done: int, oldest: tuple[str, float] | None = None, rate: float = 0.0) -> StageProgress:
    return StageProgress(name, done, 4, done, 0, 0, 1, rate, finished=done == 4, oldest=oldest)


def test_a_line_is_said_once_for_each_change_and_names_the_source() -> None:
    lines = ProgressLines({"id": "talk.mp4"}.__getitem__)
    at = ("id", 3.0)
    assert lines.line([], 0.0) == ""
    first = lines.line([stage("probe", 4), stage("ingest", 1, at)], 1.0)
    assert first == "1 of 2 stages done | ingest 1/4 | talk.mp4, for 3 s"
    assert lines.line([stage("probe", 4), stage("ingest", 1, at, rate=0.7)], 2.0) == ""
    assert "ingest 2/4" in lines.line([stage("probe", 4), stage("ingest", 2, at)], 3.0)
    assert lines.line([stage("probe", 4), stage("ingest", 2, at)], 4.0) == ""
    assert "for 70 s" in lines.line([stage("probe", 4), stage("ingest", 2, ("id", 70.0))], 3.0 + AGAIN_S)


def test_the_source_of_an_item_is_named_by_its_file(tmp_path: Path) -> None:
    ran = run_inline(
        write_words(tmp_path / "words", one="a longer line", two="short"), tmp_path / "c", toy_stages()
    )
    current = CurrentSource(ran.catalog, ran.nodes)
    listed = ran.catalog.read("sources")
    assert {current.name(row["item_id"]) for row in listed} == {"one.txt", "two.txt"}
    assert current.name("it's none") == ""


def test_only_a_terminal_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert not can_move(PlainConsole(file=io.StringIO()))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert can_move(PlainConsole(file=terminal))
        monkeypatch.setenv("TERM", "dumb")
        assert not can_move(PlainConsole(file=terminal))
    os.close(ours)
