"""`redub try`: one file through every stage, in the terminal and as a page, before anything is asked about rights."""

import re
from pathlib import Path
from typing import Annotated

import typer

from flows.command.options import RECIPE, AnywayOption, JsonOption, RecipeOption, SetOption
from flows.environment import DATA

app = typer.Typer()


@app.command("try")
def try_(
    file: Annotated[
        str, typer.Argument(help="A video; or a folder or glob, of which the first few are taken.")
    ],
    recipe: RecipeOption = RECIPE,
    set_: SetOption = None,
    first: Annotated[int, typer.Option(min=1, help="Files at most, of a folder.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="How much of a long file to look at.")] = 30,
    anyway: AnywayOption = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the page.", show_default="redub-data/try/NAME"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Take one video through every stage of a recipe, and see what comes out, and why.

    Nothing is published, so no licence and no consent is asked for. Writes one page with pictures and sound, and the
    tables beside it. Exits 1 when no clip was accepted.
    """
    from flows.recipe_files import load_recipe
    from flows.terminal.trying import try_files
    from flows.trying.attempt import Asked
    from storage.sources import check_spec

    check_spec(file)
    asked = Asked(
        file,
        out or default_folder(file),
        load_recipe(recipe, set_ or []),
        recipe,
        tuple(set_ or ()),
        first,
        seconds,
        anyway,
    )
    try:
        good = try_files(asked, json)
    except KeyboardInterrupt:
        typer.echo("\nStopped: what was done is kept, and the same command goes on.", err=True)
        raise typer.Exit(130) from None
    if not good:
        raise typer.Exit(1)


def default_folder(file: str) -> Path:
    """Another one for each name, so that the page of one file does not replace that of another."""
    name = re.sub(r"[^\w.-]+", "_", Path(file).name).strip("._") or "files"
    return DATA / "try" / name
