"""Prints what a stage made of a few files, why something was rejected, and each clip's scores beside their limits."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.recipes import PAIRS
from flows.terminal.console import console, duration
from flows.terminal.half_blocks import can_draw, half_blocks
from flows.terminal.plain_text import escape, paragraph
from flows.trying.advice import next_step
from flows.trying.attempt import Attempt, StageEnded
from flows.trying.limits import Score
from flows.trying.said import line_of
from flows.trying.story import ACCEPTED, WAITS, End, FileStory, Story, rows_of, stories
from flows.trying.views import View
from storage.ledger.mask_verdicts import AWAITING
from storage.ledger.node import SOURCES
from storage.ledger.table import Status

Line = tuple[str, str, str]
"""A stage, what came out of it, and how long it took."""
DRAWN = 72
"""Characters that a picture is wide."""
SCORED = 4
"""Clips whose scores are printed at most."""
NOTHING = "left out: nothing came that far"


def print_files(attempt: Attempt) -> Line:
    """How many files are tried, and which were refused before they were opened."""
    refused = attempt.listing.rejected
    tried = len(attempt.listing.sources) + len(refused)
    of = f" of {attempt.listed:,} (--first takes more)" if attempt.listed > tried else ""
    line = ("files", f"{tried}{of}", "")
    if tried != 1 or of:
        _print_line(*line)
    for source, code, reason in refused:
        _print_rejection(Path(source.uri).name, End(SOURCES.name, Status.REJECTED, code, reason))
    return line


def print_stage(attempt: Attempt, ended: StageEnded) -> Line:
    """What came out, how long it took, and each rejection; nothing where nothing came in."""
    stage = ended.node.name
    rows = rows_of(attempt.catalog, attempt.chosen[stage])
    if not rows:
        return (stage, NOTHING, "")
    accepted = [row for row in rows if row["status"] == Status.OK]
    others = Counter(
        WAITS if row["code"] == AWAITING else row["status"] for row in rows if row["status"] != Status.OK
    )
    parts = [line_of(stage, accepted)] if accepted else []
    parts += [f"{count} {how}" for how, count in others.items()]
    line = (stage, ", ".join(parts), duration(ended.seconds) if ended.computed else "done before")
    _print_line(*line)
    for one, end in _ended_at(attempt, stage):
        _print_rejection(one.name, end)
    return line


def _ended_at(attempt: Attempt, stage: str) -> Iterator[tuple[Story, End]]:
    for file in stories(attempt):
        for one in (file, *file.clips):
            yield from ((one, end) for end in (one.end, one.pair) if end and end.stage == stage)


def print_left_out(attempt: Attempt) -> None:
    """Stages that had nothing to do, and those that the recipe lacks."""
    idle = [name for name, one in attempt.chosen.items() if not one.states.num_rows]
    if idle:
        _print_line("left out", f"{', '.join(idle)}: nothing came that far", "")
    if not set(PAIRS) & set(attempt.stages):
        _print_line("left out", "pairs: the recipe names no generator (companion.generator)", "")


def _print_line(stage: str, text: str, took: str) -> None:
    tail = f"  [bright_black]{took}[/]" if took else ""
    console.print(f"[bold]{stage:<11}[/] {_indented(text, 12)}{tail}", soft_wrap=True)


def _print_rejection(name: str, end: End) -> None:
    mark = "[yellow]![/]" if end.code == AWAITING else "[red]x[/]"
    console.print(f"  {mark} {_indented(f'{name}: {end.said}', 4)}", soft_wrap=True)
    console.print(f"    next: {_indented(next_step(end), 10)}", soft_wrap=True)


def _indented(text: str, by: int) -> str:
    lines = textwrap.wrap(
        text, max(20, console.width - by - 8), break_on_hyphens=False, break_long_words=False
    )
    return paragraph(f"\n{' ' * by}".join(lines))


# -- at the end ---------------------------------------------------------------------------------------


def print_views(views: Sequence[View]) -> None:
    """The clips that have scores, with those that matter most; of many clips the page tells the rest."""
    clips = [view for view in views if view.scores]
    for view in clips[:SCORED]:
        _print_view(view)
    if len(clips) > SCORED:
        console.print(f"\nThe scores of {len(clips) - SCORED} more are on the page.")


def print_result(files: Sequence[FileStory], where: Path) -> None:
    """How many clips there are of how many files, and, last, where the page is."""
    clips = [clip for file in files for clip in file.clips]
    of = "the file" if len(files) == 1 else f"{len(files)} files"
    accepted, waiting = (sum(clip.outcome == one for clip in clips) for one in (ACCEPTED, WAITS))
    noun = "clip" if len(clips) == 1 else "clips"
    wait = f", {waiting} to be looked at by a person" if waiting else ""
    said = (
        f"{accepted} of {len(clips)} {noun} accepted{wait}, from {of}." if clips else f"No clip came of {of}."
    )
    console.print(
        f"\n{said} The page to look at and listen to:\n[bold]{escape(str(where))}[/]", soft_wrap=True
    )


def _print_view(view: View) -> None:
    colour = {ACCEPTED: "green", WAITS: "yellow"}.get(view.outcome, "red")
    console.print(f"\n[bold]{escape(view.name)}[/]: [{colour}]{view.outcome}[/]", soft_wrap=True)
    if can_draw(console) and view.pictures:
        console.print(half_blocks(view.pictures[0].jpeg, DRAWN))
    for score in view.scores:
        if score.main or not score.kept:
            _print_score(score)
    if view.pair_scores:
        console.print("  and its companion:")
    for score in view.pair_scores:
        _print_score(score)


def _print_score(score: Score) -> None:
    mark = " " if score.kept else "[red]x[/]"
    console.print(f"  {mark} {score.label:<26} {score.said:>9}   {score.limits}", soft_wrap=True)
