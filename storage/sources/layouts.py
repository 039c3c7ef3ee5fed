"""Finds pairs that were made elsewhere, by the names of their files: how the folders of such sets are laid out.

two_folders(root, "original", "dubbed")        # original/NAME.mp4 and dubbed/NAME.mp4
two_suffixes(root, "_original", "_dubbed")     # NAME_original.mp4 and NAME_dubbed.mp4, in one folder
x_dub(root, originals)                         # videos/NAME__x__SOUND.mp4 here, NAME.mp4 below `originals`
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.sources.listing import SourceError

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts")
MADE_WITH = "__x__"
"""Between the name of the video that was dubbed and the name of the sound, in files of X-Dub's teacher pairs."""
X_DUB = "xdub_teacher_pairs"
X_DUB_SAYS = "xdub_teacher_pairs_manifest.json"


@dataclass(frozen=True)
class Pair:
    """Two files that are each other's half."""

    original: Path
    dubbed: Path
    speaker: str = ""


@dataclass(frozen=True)
class Alone:
    """A file of which the other half is not there, and what was looked for."""

    file: Path
    reason: str


@dataclass(frozen=True)
class FoundPairs:
    """What a folder holds."""

    pairs: list[Pair]
    alone: list[Alone]


def two_folders(root: Path, original: str = "original", dubbed: str = "dubbed") -> FoundPairs:
    """Files of one name below two folders, whatever their endings."""
    ours, theirs = (_by_name(_folder(root / name)) for name in (original, dubbed))
    return _matched(ours, theirs, original, dubbed)


def two_suffixes(root: Path, original: str = "_original", dubbed: str = "_dubbed") -> FoundPairs:
    """Files whose names differ by these ends alone."""
    if original == dubbed:
        raise SourceError(f"both halves can't end in {original!r}: say how their names differ")
    found: dict[str, dict[str, list[Path]]] = {original: defaultdict(list), dubbed: defaultdict(list)}
    for name, files in _by_name(_folder(root)).items():
        # The longer end first, since a name that ends in `_dubbed` ends in `dubbed` as well.
        end = next((end for end in sorted(found, key=len, reverse=True) if name.endswith(end)), None)
        if end is not None:
            found[end][name.removesuffix(end)] += files
    return _matched(found[original], found[dubbed], original, dubbed)


def x_dub(root: Path, originals: Path) -> FoundPairs:
    """The teacher pairs of *lipsync-hdtf-training-data*: it holds the dubbed halves, their originals are clips of HDTF."""
    videos = next((f for f in (root / X_DUB / "videos", root / "videos", root) if f.is_dir()), root)
    speakers = _x_dub_speakers(root / X_DUB_SAYS)
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for file in _files(_folder(originals)):
        by_stem[file.stem].append(file)
    pairs, alone = [], []
    for file in _files(_folder(videos)):
        name, mark, _ = file.stem.partition(MADE_WITH)
        there = by_stem.get(name, [])
        if mark and len(there) == 1:
            pairs.append(Pair(there[0], file, speakers.get(file.stem, "")))
        elif mark:
            alone.append(Alone(file, _not_one(there, f"{name}.mp4 below {originals}")))
        else:
            alone.append(Alone(file, f"its name is not NAME{MADE_WITH}SOUND"))
    return FoundPairs(pairs, alone)


def _matched(
    originals: Mapping[str, Sequence[Path]], dubbed: Mapping[str, Sequence[Path]], first: str, second: str
) -> FoundPairs:
    pairs, alone = [], []
    for name in sorted({*originals, *dubbed}):
        ours, theirs = originals.get(name, ()), dubbed.get(name, ())
        if len(ours) == len(theirs) == 1:
            pairs.append(Pair(ours[0], theirs[0]))
        else:
            alone += [Alone(file, _not_one(theirs, f"{name} of {second!r}")) for file in ours]
            alone += [Alone(file, _not_one(ours, f"{name} of {first!r}")) for file in theirs]
    return FoundPairs(pairs, alone)


def _not_one(there: Sequence[Path], wanted: str) -> str:
    if not there:
        return f"its other half is not there: {wanted}"
    if len(there) == 1:
        return "another file has the same name, so nobody knows which is the half of a pair"
    return f"several could be its other half: {', '.join(file.name for file in there)}"


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Videos below a folder by their path in it, without the ending."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in _files(folder):
        found[str(file.relative_to(folder).with_suffix(""))].append(file)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(VIDEOS) and not name.startswith("."):
                yield Path(here, name)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SourceError(f"there is no folder {path}: say where the videos of this layout lie")
    return path


def _x_dub_speakers(path: Path) -> dict[str, str]:
    """Pair -> who is seen, where the set says so: a list of objects with `id` and `src_speaker`."""
    if not path.is_file():
        return {}
    try:
        rows: Any = json.loads(path.read_text("utf-8"))
        return {str(row["id"]): str(row.get("src_speaker") or "") for row in rows}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            f"{path} is not the list of pairs that this set comes with ({type(error).__name__}: {error}); take it away to "
            "do without the speakers' names"
        ) from error
