"""`redub try`: runs a few files through a recipe, prints what happens as it happens, and writes the page."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows.terminal.console import can_move, console, print_json, told_on_stderr
from flows.terminal.plain_text import escape
from flows.terminal.tried import (
    Line,
    print_files,
    print_left_out,
    print_result,
    print_stage,
    print_views,
)
from flows.trying.attempt import PAGE, Asked, Attempt
from flows.trying.inline import Tell
from flows.trying.page import page
from flows.trying.story import ACCEPTED, WAITS, FileStory, stories
from flows.trying.views import View, views_of

PLAIN = ("name", "outcome", "reason", "step", "facts", "pair")
SCORED = ("scores", "pair_scores")
"""What of a view programs are told: all but the pictures."""


def try_files(asked: Asked, as_json: bool) -> bool:
    """Whether anything came out: a clip that nothing is said against, but that a person may have to look at it."""
    if not as_json:
        return _came_out(_tried(asked))
    with told_on_stderr():
        answer = _tried(asked)
    print_json(answer)
    return _came_out(answer)


def _came_out(answer: dict[str, Any]) -> bool:
    return bool(answer[ACCEPTED] or answer[WAITS])


def _tried(asked: Asked) -> dict[str, Any]:
    console.print(
        f"Trying [bold]{escape(asked.files)}[/] with recipe {escape(asked.recipe_name)}", soft_wrap=True
    )
    with Attempt(asked) as attempt:
        lines = [print_files(attempt)]
        with _moving() as tell:
            lines += [print_stage(attempt, ended) for ended in attempt.run(tell)]
            print_left_out(attempt)
            files = stories(attempt)
            tell("page", 0, 1)
            views = list(views_of(attempt, files))
        where = _write(attempt, lines, views, files)
    print_views(views)
    print_result(files, where)
    return _answer(asked, lines, views, where)


@contextmanager
def _moving() -> Iterator[Tell]:
    """On a terminal, what is under way, and for how long by now."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not can_move()) as bar:
        task = bar.add_task("", visible=False)

        def tell(stage: str, done: int, of: int) -> None:
            if done == 0:
                bar.reset(task)
            count = f"{done + 1} of {of}" if of > 1 else ""
            bar.update(task, description=f"{stage} {count}".strip(), visible=True)

        yield tell


def _write(
    attempt: Attempt, lines: Sequence[Line], views: Sequence[View], files: Sequence[FileStory]
) -> Path:
    asked, where = attempt.asked, attempt.asked.folder / PAGE
    said = [f"Recipe {asked.recipe_name}. Nothing is published. The tables are in {attempt.catalog.root}."]
    if asked.anyway:
        said.append(f"The recipe's models may not know this footage; it was computed anyway: {asked.anyway}")
    names = ", ".join(file.name for file in files[:3]) or asked.files
    where.write_text(page(names, said, lines, views), encoding="utf-8")
    return where


def _answer(asked: Asked, lines: Sequence[Line], views: Sequence[View], where: Path) -> dict[str, Any]:
    return {
        "recipe": asked.recipe_name,
        "page": str(where),
        **{
            one: sum(view.outcome == one and bool(view.scores) for view in views) for one in (ACCEPTED, WAITS)
        },
        "stages": [dict(zip(("stage", "came_out", "took"), line, strict=True)) for line in lines],
        "items": [
            {name: getattr(view, name) for name in PLAIN}
            | {name: [asdict(one) for one in getattr(view, name)] for name in SCORED}
            for view in views
        ],
    }
