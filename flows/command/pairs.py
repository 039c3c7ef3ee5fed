"""`redub import`: pairs that were made elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.command.options import JsonOption

app = typer.Typer()


@app.command("import")
def import_(
    layout: Annotated[
        Literal["folders", "suffixes", "xdub"],
        typer.Argument(
            help="folders: original/NAME.mp4 and dubbed/NAME.mp4; suffixes: NAME_original.mp4 and NAME_dubbed.mp4; xdub: "
            "the teacher pairs of lipsync-hdtf-training-data."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Where the videos lie.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The manifest to write.")] = Path("pairs.csv"),
    original: Annotated[
        str, typer.Option(help="Folder, or end of the names, of the videos as they were filmed.")
    ] = "",
    dubbed: Annotated[str, typer.Option(help="The same of those with other lips.")] = "",
    originals: Annotated[
        Path | None, typer.Option(help="For xdub: the folder with the clips that were dubbed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a manifest that is there.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a manifest of pairs made elsewhere, by the names of their files: a source for `redub rebuild`.

    Says which files have no other half. What is in the files is checked when they are rebuilt.
    """
    from flows.terminal.importing import import_pairs

    if not import_pairs(layout, folder, out, original, dubbed, originals, force, json):
        raise typer.Exit(1)
