"""`redub plan` and `redub rebuild`."""

import typer

from flows.command.options import (
    CATALOG,
    RECIPE,
    AnywayOption,
    CatalogOption,
    ConsentOption,
    JsonOption,
    LicenceOption,
    ProfileOption,
    RecipeOption,
    SetOption,
    SourceOption,
)
from flows.stopped import exit_code

app = typer.Typer()


@app.command()
def plan(
    source: SourceOption,
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = RECIPE,
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
    licence: LicenceOption = "",
    consent: ConsentOption = "",
    json: JsonOption = False,
) -> None:
    """What a rebuild would compute, reuse and cost. Reads the tables, writes nothing.

    *compute*: ready now. *expected*: what earlier stages will send on, going by the past. *reused*: done
    with the same code, settings and weights. *held*: in quarantine. Hours come from measured seconds.
    """
    from flows.terminal.plan import print_plan

    print_plan(source, catalog, recipe, set_ or [], profile, licence, consent, json)


@app.command()
def rebuild(
    source: SourceOption,
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = RECIPE,
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
    licence: LicenceOption = "",
    consent: ConsentOption = "",
    anyway: AnywayOption = "",
) -> None:
    """Compute what is missing, then publish a dataset version. Run it again to go on after anything.

    Ctrl-C and SIGTERM stop cleanly: what is done is committed. A second rebuild of the same catalog is refused.
    """
    from flows.foreground.checked import rebuild_checked

    if rebuild_checked(source, catalog, recipe, set_ or [], profile, licence, consent, anyway) is None:
        raise typer.Exit(exit_code())
