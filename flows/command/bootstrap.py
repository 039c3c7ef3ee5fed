"""`redub bootstrap`: from footage to a promoted editor, by one command that goes on after anything."""

from typing import Annotated

import typer

from flows.command.options import (
    CATALOG,
    RECIPE,
    CatalogOption,
    ConsentOption,
    GateOption,
    JsonOption,
    LicenceOption,
    ProfileOption,
    RecipeOption,
    SourceOption,
)
from flows.stopped import exit_code

app = typer.Typer()


@app.command()
def bootstrap(
    name: Annotated[
        str, typer.Argument(help="What to call it: its trainings are NAME-generator, NAME-lip, ...")
    ],
    source: SourceOption,
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = RECIPE,
    budget: Annotated[
        str,
        typer.Option("--budget", "-b", help="How much is trained: toy (only to see it run), mini, or paper."),
    ] = "mini",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a setting of a phase, e.g. structure.steps=500, rebuild.verdict.min_sharpness=8.",
        ),
    ] = None,
    profile: ProfileOption = "laptop",
    licence: LicenceOption = "",
    consent: ConsentOption = "",
    gate: GateOption = None,
    anyway: Annotated[
        str,
        typer.Option(
            help="Promote what doesn't pass the gates, rebuild what the models don't know, and write down why."
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """From footage to a promoted editor: rebuild, train a generator, paint pairs, train the editor's phases, promote.

    Run it again with the same name to go on after anything: what is done is read from the catalog. Ctrl-C stops the
    running step cleanly (exit code 130), and no later one begins. Exit code 1 when something is refused, such as what
    doesn't pass the gates; trainings are kept. With --json progress goes to standard error.
    """
    from flows.bootstrapping.asked import Asked, by_phase
    from flows.foreground.bootstrap import bootstrap_in_foreground

    asked = Asked(
        name,
        source,
        catalog,
        recipe,
        budget,
        by_phase(set_ or []),
        profile,
        licence,
        consent,
        anyway,
        gate or [],
    )
    if not bootstrap_in_foreground(asked, json):
        raise typer.Exit(exit_code())
