"""Renders takes through the engine and writes them out as ordinary files.

OUT/videos/NAME.mp4      with sound, and manifest.csv: a source for `redub rebuild`, of pairs where there are dubs
OUT/truth/NAME.npz       what is true of each frame (tasks/truth.py)
OUT/dubs/NAME.mp4        of aligned pairs, the same take with other speech, and its truth beside it
OUT/takes                the catalog the files come from; running it again renders only what is missing
"""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flows.foreground.shown import shown
from flows.recipes import WorldRecipe
from flows.run.driver import Rebuild
from flows.run.request import Request
from infra.profiles import load_profile
from storage.versions.version import load_version

MANIFEST = ("uri", "speaker", "licence", "consent")
PAIRED = ("companion", "origin")
AT_ONCE = 8
"""Takes whose videos are in memory at a time while they are written out."""


def render_takes(
    spec: str, out: Path, recipe: WorldRecipe, profile: str, name_of: Callable[[str], str] = str
) -> list[dict[str, Any]] | None:
    """Renders what is missing and writes the files; manifest lines, or None when a person stopped it."""
    where = load_profile(profile)
    request = Request(spec, str(out / "takes"), recipe, "world", where)
    with Rebuild(request) as run:
        run.prepare()
        with shown(run):
            run.start()
            run.wait("render")
        if run.stopped:
            return None
        version = run.publish()
        return [write_take(out, row | {"name": name_of(row["name"])}) for row in _rendered(run, version.tag)]


def _rendered(run: Rebuild, tag: str) -> Iterator[dict[str, Any]]:
    (node,) = run.nodes
    members = load_version(run.catalog, tag)[1].to_table(columns=["render_row"])["render_row"].to_pylist()
    table = run.catalog.table(node)
    columns = ["name", "speaker", "licence", "consent", "video", "truth", "dub", "dub_truth"]
    for start in range(0, len(members), AT_ONCE):
        yield from table.read(members[start : start + AT_ONCE], columns)


def write_take(out: Path, row: dict[str, Any], videos: str = "videos") -> dict[str, Any]:
    """Its files, and its line for the manifest."""
    name = row["name"]
    files = {
        out / videos / f"{name}.mp4": row["video"],
        out / "truth" / f"{name}.npz": row["truth"],
        out / "dubs" / f"{name}.mp4": row["dub"],
        out / "dubs" / f"{name}.npz": row["dub_truth"],
    }
    for path, data in files.items():
        if data is not None:
            write_file(path, data)
    line = {"uri": f"{name}.mp4", **{key: row[key] for key in MANIFEST[1:]}}
    return line | ({"companion": f"../dubs/{name}.mp4", "origin": "rendered"} if row["dub"] else {})


def write_manifest(folder: Path, lines: Sequence[dict[str, Any]]) -> None:
    text: list[str] = []
    paired = PAIRED if any("companion" in line for line in lines) else ()
    writer = csv.DictWriter(_Lines(text), (*MANIFEST, *paired))
    writer.writeheader()
    writer.writerows(sorted(lines, key=lambda line: line["uri"]))
    write_file(folder / "manifest.csv", "".join(text).encode())


class _Lines:
    """What csv writes to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all; a file that is right already keeps its time, by which sources are known."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)
