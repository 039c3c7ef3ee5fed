"""`redub try`: prints what each stage makes of a few files as it happens, and where the page is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows.recipes import PAIRS
from flows.terminal.console import console, duration, print_json, told_on_stderr
from flows.terminal.half_blocks import can_draw, half_blocks
from flows.trying.advice import next_step
from flows.trying.attempt import PAGE, Asked, Attempt, StageEnded
from flows.trying.inline import Tell
from flows.trying.limits import Score
from flows.trying.page import page
from flows.trying.said import line_of
from flows.trying.story import FileStory, rows_of, stories
from flows.trying.views import View, views_of, why
from storage.ledger.node import SOURCES
from storage.ledger.table import Status

Line = tuple[str, str, str]
"""A stage, what came out of it, and how long it took."""


def try_files(asked: Asked, as_json: bool) -> bool:
    """Whether anything came out: a clip that nothing is said against."""
    if not as_json:
        return _tried(asked)[0]
    with told_on_stderr():
        good, answer = _tried(asked)
    print_json(answer)
    return good


def _tried(asked: Asked) -> tuple[bool, dict[str, Any]]:
    console.print(
        f"Trying [bold]{escape(asked.files)}[/] with recipe {escape(asked.recipe_name)} ...", soft_wrap=True
    )
    with Attempt(asked) as attempt:
        lines = [_files_line(attempt)]
        with _moving() as tell:
            for ended in attempt.run(tell):
                lines.append(_print_stage(attempt, ended))
            files = stories(attempt)
            tell("page", 0, max(1, sum(len(one.clips) for one in files)))
            views = list(views_of(attempt, files))
            where = _write(attempt, lines, views, files)
        _print_end(attempt, files, views)
    console.print(f"\nLook at it, and listen: [bold]{escape(str(where))}[/]", soft_wrap=True)
    good = any(clip.end is None for file in files for clip in file.clips)
    return good, _answer(asked, lines, views, where)


# -- while it runs ------------------------------------------------------------------------------------


@contextmanager
def _moving() -> Iterator[Tell]:
    """On a terminal, what is under way, and for how long by now."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", visible=False)

        def tell(stage: str, done: int, of: int) -> None:
            if done == 0:
                bar.reset(task)
            count = f"{done + 1} of {of}" if of > 1 else ""
            bar.update(task, description=f"{stage:<12} {count}", visible=True)

        yield tell


def _files_line(attempt: Attempt) -> Line:
    tried = len(attempt.listing.sources) + len(attempt.listing.rejected)
    of = f" of {attempt.listed:,} (--first takes more)" if attempt.listed > tried else ""
    line = ("files", f"{tried}{of}", "")
    _print_line(*line)
    for source, code, reason in attempt.listing.rejected:
        _print_rejection(Path(source.uri).name, f"{code}: {reason}", "")
    return line


def _print_stage(attempt: Attempt, ended: StageEnded) -> Line:
    stage = ended.node.name
    rows = rows_of(attempt.catalog, attempt.chosen[stage])
    accepted = [row for row in rows if row["status"] == Status.OK]
    refused = [row for row in rows if row["status"] != Status.OK]
    took = duration(ended.seconds) if ended.computed else "done before" if rows else ""
    line = (stage, _came_out(stage, accepted, len(refused)), took)
    _print_line(*line)
    for end, name in _rejections(attempt, stage):
        _print_rejection(name, why(end), next_step(end))
    return line


def _came_out(stage: str, accepted: Sequence[Any], refused: int) -> str:
    if not accepted and not refused:
        return "left out: nothing has come so far"
    parts = [line_of(stage, accepted)] if accepted else []
    return ", ".join([*parts, *([f"{refused} rejected"] if refused else [])])


def _rejections(attempt: Attempt, stage: str) -> Iterator[Any]:
    for file in stories(attempt):
        for one in (file, *file.clips):
            for end in (one.end, one.pair):
                if end and end.stage == stage and stage != SOURCES.name:
                    yield end, one.name


def _print_line(stage: str, text: str, took: str) -> None:
    console.print(
        f"[bold]{stage:<12}[/] {escape(text)}" + (f"  [bright_black]{took}[/]" if took else ""),
        soft_wrap=True,
    )


def _print_rejection(name: str, reason: str, step: str) -> None:
    console.print(f"  [red]x[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    if step:
        console.print(f"    next: {escape(step)}", soft_wrap=True)


# -- at the end ---------------------------------------------------------------------------------------


def _print_end(attempt: Attempt, files: Sequence[FileStory], views: Sequence[View]) -> None:
    left_out = [name for name in PAIRS if name not in attempt.stages]
    if len(left_out) == len(PAIRS):
        console.print(
            "[bright_black]pairs        left out: this recipe names no generator (companion.generator)[/]"
        )
    for view in views:
        if view.scores:
            _print_view(view)
    clips = [clip for file in files for clip in file.clips]
    accepted = sum(clip.end is None for clip in clips)
    console.print(f"\n{accepted} of {len(clips)} clips accepted, from {len(files)} files.")


def _print_view(view: View) -> None:
    colour = "green" if view.outcome == "accepted" else "red"
    console.print(f"\n[bold]{escape(view.name)}[/]: [{colour}]{view.outcome}[/]", soft_wrap=True)
    if can_draw(console) and view.pictures:
        console.print(half_blocks(list(view.pictures.values())[0], 72))
    for score in view.scores:
        if score.main or not score.kept:
            _print_score(score)
    for score in view.pair_scores:
        _print_score(score)


def _print_score(score: Score) -> None:
    mark = " " if score.kept else "[red]x[/]"
    console.print(f"  {mark} {score.label:<28} {score.said:>10}   {score.limits}", highlight=False)


def _write(
    attempt: Attempt, lines: Sequence[Line], views: Sequence[View], files: Sequence[FileStory]
) -> Path:
    where = attempt.asked.folder / PAGE
    said = [
        f"Recipe {attempt.asked.recipe_name}. Nothing of this is published; the tables are in {attempt.catalog.root}."
    ]
    if attempt.asked.anyway:
        said.append(
            f"The recipe's models may not know this footage; it was computed anyway: {attempt.asked.anyway}"
        )
    names = ", ".join(file.name for file in files[:3]) or attempt.asked.files
    where.write_text(page(f"redub try: {names}", said, lines, views), encoding="utf-8")
    return where


def _answer(asked: Asked, lines: Sequence[Line], views: Sequence[View], where: Path) -> dict[str, Any]:
    """For programs: all but the pictures."""
    shown = ("name", "outcome", "reason", "step", "facts", "pair")
    return {
        "recipe": asked.recipe_name,
        "page": str(where),
        "stages": [dict(zip(("stage", "came_out", "took"), line, strict=True)) for line in lines],
        "items": [
            {name: getattr(view, name) for name in shown}
            | {kind: [asdict(one) for one in getattr(view, kind)] for kind in ("scores", "pair_scores")}
            for view in views
        ],
    }
