"""`redub runs`: the trainings of a catalog, one of them in full, and two beside each other."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption

app = typer.Typer(help="Trainings: which there are, how each went, what differs between two.")
Run = Annotated[str, typer.Argument(help="A training's name, as `redub runs` lists it.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context, catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """Trainings: which there are, how each went, what differs between two."""
    if context.invoked_subcommand is None:
        from flows.terminal.trainings import print_trainings

        print_trainings(catalog, json)


@app.command()
def show(
    run: Run,
    catalog: CatalogOption = CATALOG,
    picture: Annotated[
        str, typer.Option("--picture", help="Draw its curves into this .png file as well.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """One training: settings, checkpoints, last metrics, skipped batches, and how to go on with it."""
    from flows.terminal.trainings import draw_training, print_training

    print_training(catalog, run, json)
    if picture:
        draw_training(catalog, run, picture, json)


@app.command()
def diff(before: Run, after: Run, catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """What differs between two trainings: settings, data, parents, and the metrics at the end."""
    from flows.terminal.trainings import print_difference

    print_difference(catalog, before, after, json)


@app.command()
def drop(
    run: Run,
    catalog: CatalogOption = CATALOG,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete; without it, only say what would go.")
    ] = False,
) -> None:
    """Delete the checkpoints of a training, so that its version may be given up. What is known of it stays."""
    from flows.terminal.trainings import drop_one

    drop_one(catalog, run, yes)
