"""`redub demo` and `redub render`: videos of the procedural world, whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command.options import CatalogOption, ProfileOption, RecipeOption, SetOption
from flows.environment import DATA
from flows.stopped import exit_code

app = typer.Typer()
DEMO = DATA / "demo"


@app.command()
def demo(
    catalog: CatalogOption = str(DEMO / "catalog"),
    people: Annotated[int, typer.Option(min=1, help="How many people of the procedural world.")] = 8,
    takes: Annotated[int, typer.Option(min=1, help="Videos of each.")] = 3,
    set_: SetOption = None,
    recipe: RecipeOption = "world",
    profile: ProfileOption = "laptop",
) -> None:
    """Render some talking people, spoil a few of the videos, and run a whole rebuild on them."""
    from flows.demo.demo import run_demo

    if not run_demo(DEMO, catalog, people, takes, set_ or [], recipe, profile):
        raise typer.Exit(exit_code())


@app.command()
def render(
    out: Annotated[Path, typer.Argument(help="Folder for the videos, their truth and a manifest.")],
    takes: Annotated[
        str,
        typer.Option(
            "--takes", "-t",
            help="`world:people=8,takes=3,seed=0`, or a glob of take.json files that Unreal Engine, Blender "
            "or the like have written (the format: tasks/studio.py).",
        ),
    ] = "world:people=8,takes=3",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Render every take of the world with other speech, too.")
    ] = False,
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
) -> None:  # fmt: skip
    """Make videos whose truth is known, and aligned pairs in which only the lips differ.

    OUT/videos with its manifest is then a source: `redub rebuild -r world --source OUT/videos`. OUT/truth says what
    is true of every frame, OUT/dubs holds the other halves of the pairs, which the manifest names: they are rebuilt as
    pairs, and no generator is asked for them.
    """
    from flows.demo.demo import render_to_folder

    if not render_to_folder(out, takes, [*(set_ or []), *(["render.pairs=true"] if pairs else [])], profile):
        raise typer.Exit(exit_code())
