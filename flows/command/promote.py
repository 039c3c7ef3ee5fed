"""`redub promote`: says with which editor `redub dub` dubs in a catalog, and says what it was before."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, GateOption, JsonOption

app = typer.Typer()


@app.command()
def promote(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="The editor's training, then its experts': NAME (the best step) or NAME@STEP."),
    ] = None,
    catalog: CatalogOption = CATALOG,
    step: Annotated[
        int | None, typer.Option(min=1, help="The editor's step; default: its best, else its newest.")
    ] = None,
    gate: GateOption = None,
    anyway: Annotated[
        str, typer.Option(help="Promote what doesn't pass the gates, and write down this reason for it.")
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="Only say what was promoted so far.")] = False,
    json: JsonOption = False,
) -> None:
    """Promote an editor with its experts: from then on `redub dub` dubs with it in this catalog.

    What the validation of each measured has to pass the gates; exit code 1 when it doesn't. Without a name, or with
    --list, says what was promoted so far. Promoting an older one again is the way back.
    """
    from flows.terminal.promoting import print_promotions, promote_runs

    if list_ or not runs:
        print_promotions(catalog, json)
    else:
        names = [runs[0] if step is None else f"{runs[0]}@{step}", *runs[1:]]
        promote_runs(catalog, names, gate or [], anyway, json)
