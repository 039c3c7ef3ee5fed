"""`redub import`: writes the manifest of pairs made elsewhere, and says which files have no other half."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from flows.terminal.console import console, number, print_json
from flows.terminal.plain_text import escape
from storage.sources import SourceError
from storage.sources.layouts import Alone, FoundPairs, two_folders, two_suffixes, x_dub
from storage.sources.paired_manifest import write_pairs

SHOWN = 10
Layout = Literal["folders", "suffixes", "xdub"]
"""How the files of a set are laid out."""


def import_pairs(
    layout: Layout,
    folder: Path,
    out: Path,
    original: str,
    dubbed: str,
    originals: Path | None,
    force: bool,
    as_json: bool,
) -> bool:
    """False where there is no pair, and then nothing is written."""
    found = _found(layout, folder, {"original": original, "dubbed": dubbed}, originals)
    if found.pairs:
        write_pairs(out, found.pairs, force)
    if as_json:
        print_json({"manifest": str(out) if found.pairs else None, "layout": layout, **asdict(found)})
    else:
        _say(found, folder, out)
    return bool(found.pairs)


def _found(layout: Layout, folder: Path, ends: dict[str, str], originals: Path | None) -> FoundPairs:
    given = {name: end for name, end in ends.items() if end}
    if layout == "xdub":
        if originals is None or given:
            raise SourceError(
                "the layout xdub wants --originals, the folder with the clips that were dubbed, and neither --original nor "
                "--dubbed"
            )
        return x_dub(folder, originals)
    if originals is not None:
        raise SourceError(f"--originals is for the layout xdub; {layout} takes --original and --dubbed")
    return (two_folders if layout == "folders" else two_suffixes)(folder, **given)


def _say(found: FoundPairs, folder: Path, out: Path) -> None:
    console.print(
        f"{number(len(found.pairs))} pairs in {escape(str(folder))}, {number(len(found.alone))} files without"
    )
    for one in found.alone[:SHOWN]:
        _say_alone(one)
    if len(found.alone) > SHOWN:
        console.print(f"  ... and {number(len(found.alone) - SHOWN)} more (--json lists all)")
    if found.pairs:
        console.print(
            f"\n{escape(str(out))} names them. They need a licence and a consent:\n"
            f"redub rebuild --source {escape(str(out))} --licence TEXT --consent TEXT",
            soft_wrap=True,
        )


def _say_alone(one: Alone) -> None:
    console.print(f"  {escape(str(one.file))}: {escape(one.reason)}", soft_wrap=True)
