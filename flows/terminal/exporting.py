"""`redub export`: writes a version into a folder, says how far it is, and what came of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from flows.terminal.console import can_move, console, number, print_json, problems, size
from flows.terminal.plain_text import escape
from storage.errors import StorageError
from storage.exporting.export import CAPTION, Exported, Wanted, export
from storage.exporting.parts import Format
from storage.exporting.tally import Progress as Whole
from storage.exporting.tally import Say
from storage.ledger.catalog import existing_catalog

EVERY_S = 10.0
"""Between two lines where nothing moves."""


def export_version(
    catalog: str,
    version: str,
    out: str,
    to: str,
    split: str,
    relit: bool,
    shard_mb: int,
    caption: str,
    as_json: bool,
) -> None:
    wanted = Wanted(version, _format(to), split, relit, shard_mb << 20, caption or CAPTION)
    with _shown(as_json) as say:
        done = export(existing_catalog(catalog), wanted, out, say)
    if as_json:
        print_json(done)
    else:
        _show(done)


def _format(to: str) -> Format:
    if to not in list(Format):
        raise StorageError(f"there is no format {to!r}; there are {', '.join(Format)}")
    return Format(to)


@contextmanager
def _shown(as_json: bool) -> Iterator[Say]:
    """A bar on a terminal; elsewhere a line now and then, beside what programs read."""
    if as_json or not can_move():
        yield _lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(20), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("exporting", total=None)
        yield lambda whole: bar.update(task, total=whole.bytes, completed=whole.bytes_whole)


def _lines() -> Say:
    last = time.monotonic()

    def say(whole: Whole) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_S:
            last = time.monotonic()
            problems.print(
                f"{size(whole.bytes_whole)} of {size(whole.bytes)}, {number(whole.files_whole)} of "
                f"{number(whole.files)} files"
            )

    return say


def _show(done: Exported) -> None:
    kind = "pairs" if done.pairs else "clips"
    state = "was whole already" if done.found == done.files else f"is exported to {done.to}"
    console.print(
        f"{done.version} {state}: {number(done.rows)} {kind}, {_files(done.files)}, {size(done.bytes)}"
    )
    if 0 < done.found < done.files:
        console.print(f"{number(done.found)} of the files were there from an earlier run.")
    if done.left_out:
        console.print(
            f"{number(done.left_out)} pairs without a sound are left out: ltx-trainer reads two of each."
        )
    console.print(f"{escape(done.folder)}/manifest.json says what it may be used for.", soft_wrap=True)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{number(count)} files"
