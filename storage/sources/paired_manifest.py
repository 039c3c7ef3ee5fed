"""Writes the manifest of pairs that were made elsewhere: a source for a rebuild."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from storage.sources.companions import IMPORTED
from storage.sources.layouts import Pair
from storage.sources.listing import SourceError

HEADER = ("uri", "companion", "origin", "speaker")


def write_pairs(out: Path, pairs: Sequence[Pair], replace: bool = False) -> None:
    """Whole or not at all; addresses are relative to it, so that it moves with its videos."""
    if out.suffix != ".csv":
        raise SourceError(f"a manifest ends in .csv, and {out} does not")
    if out.exists() and not replace:
        raise SourceError(f"{out} is there already: name another file, or replace it with --force")
    text = _text(pairs, out.absolute().parent)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"a name beginning {text[: error.start][-40:]!r} is not UTF-8; rename it"
        ) from error
    try:
        _write_whole(out, data)
    except OSError as error:
        raise SourceError(f"{out} cannot be written: {error.strerror}") from error


def _text(pairs: Sequence[Pair], folder: Path) -> str:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(HEADER)
    for pair in pairs:
        uri, companion = (os.path.relpath(file.absolute(), folder) for file in (pair.original, pair.dubbed))
        lines.writerow((uri, companion, IMPORTED, pair.speaker))
    return text.getvalue()


def _write_whole(out: Path, data: bytes) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        fresh.write_bytes(data)
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
