"""Shows a dubbing while it runs, and says what was written."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.dubbing.choice import choose
from flows.dubbing.clip_files import FPS, PLAYED_HZ, check_out, read_clip, write
from flows.terminal.console import can_move, console, duration

TOLD = 5
"""How often steps are told where no bar can move."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says of how to dub; what is empty is chosen."""

    catalog: str
    weights: dict[str, str]
    experts: tuple[str, ...]
    rest: dict[str, Any]


def dub_file(video: Path, sound: Path, out: Path, beside: bool, wanted: Wanted) -> None:
    """Files in, files out, and a word on what was written."""
    began = time.monotonic()
    outs = [out, out.with_name(f"{out.stem}-beside.mp4")][: 1 + beside]
    check_out(outs, (video, sound))
    clip = read_clip(video, sound)
    from flows.dubbing.dubbing import Asked, dubbed, side_by_side  # torch: after the files were looked at

    chosen = choose(wanted.catalog, wanted.weights, wanted.experts)
    with dubbing_progress() as (tell, tick):
        made, costs = dubbed(clip, Asked(chosen, **wanted.rest), _say, tell, tick)
    played = clip.played[: len(made) * PLAYED_HZ // FPS]
    write(out, made, played)
    if beside:
        write(outs[1], side_by_side(clip.frames, made), played)
    as_long_as = clip.sound if wanted.rest["settings"]["whole_sound"] else clip.shorter
    say_what_was_written(outs, made, as_long_as, time.monotonic() - began, costs)


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


@contextmanager
def dubbing_progress() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """What is being done, and the steps of it; lines of text where no terminal is."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[steps]}"), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, transient=True, disable=not can_move())
    task = bar.add_task("", total=None, steps="")

    def tell(what: str) -> None:
        bar.update(task, description=what)
        if not can_move():
            console.print(f"{what} ...")

    def tick(done: int, total: int) -> None:
        steps = f"{done} of {total} steps"
        bar.update(task, description="dubbing", completed=done, total=total, steps=steps)
        if not can_move() and done * TOLD // total > (done - 1) * TOLD // total:
            console.print(f"{steps} ...")
        if done == total:
            tell("drawing the frames")

    with bar:
        yield tell, tick


def say_what_was_written(
    written: list[Path], made: np.ndarray, shorter: Path, took: float, costs: list[str]
) -> None:
    count, height, width = made.shape[:3]
    also = f" {written[1]} shows the original on the left." if written[1:] else ""
    console.print(
        f"{written[0]}: {count} frames, {count / FPS:.2f} s of {width}x{height} at {FPS} fps, as long as "
        f"{shorter}. It took {duration(took)}.{also}{''.join(f' {cost}' for cost in costs)}",
        soft_wrap=True,
        markup=False,
    )
