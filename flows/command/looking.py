"""Commands that look at a catalog: `redub status`, `sheet`, `trace`, `diff`, `whatif`. They write nothing into it."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption

app = typer.Typer()


@app.command()
def status(catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """Runs, rows per stage and published versions of a catalog."""
    from flows.terminal.status import print_status

    print_status(catalog, json)


@app.command()
def sheet(
    stage: Annotated[str, typer.Argument(help="Whose rows: ingest, quality, verdict, ...")],
    catalog: CatalogOption = CATALOG,
    only: Annotated[str, typer.Option(help="How they ended: ok, rejected or quarantined.")] = "ok",
    column: Annotated[
        list[str] | None,
        typer.Option(help="What to print below each, e.g. sharpness or captions.answer. Repeatable."),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(help="Whose pictures to show, one below the other, e.g. captions. Repeatable."),
    ] = None,
    lowest: Annotated[
        str, typer.Option(help="Begin with the rows that have least of a column, e.g. pairscores.identity.")
    ] = "",
    highest: Annotated[str, typer.Option(help="Begin with those that have most of it.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Rows at most, spread over people or reasons.")] = 60,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the two files.")] = Path("."),
) -> None:
    """Look at a stage's rows: a contact sheet (PNG), and the clips playing side by side (MP4).

    Of pairs each clip plays with what was painted, its companion, and how the two differ.
    """
    from flows.looking.rows import Order
    from flows.terminal.looking import write_sheet

    if lowest and highest:
        raise typer.BadParameter("begin at one end: --lowest or --highest, not both")
    order = Order(lowest or highest, bool(highest)) if lowest or highest else None
    write_sheet(catalog, stage, only, column or (), picture or (), limit, out, order)


@app.command()
def trace(
    item: Annotated[
        str, typer.Argument(help="The start of an id, the end of a file's name, or run:NAME[@STEP].")
    ],
    catalog: CatalogOption = CATALOG,
    history: Annotated[bool, typer.Option("--history", help="Rows of earlier settings, too.")] = False,
    json: JsonOption = False,
) -> None:
    """Everything that made an item: source, rows, settings, code, runs, versions; or why it was rejected.

    Of an item also the trainings that saw it; of a training its recipe, data, parents and checkpoints.
    """
    from flows.terminal.looking import print_trace

    print_trace(catalog, item, history, json)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version, for example v1; an alias; or a day.")],
    after: Annotated[str, typer.Argument(help="A later one, for example v2.")],
    catalog: CatalogOption = CATALOG,
    json: JsonOption = False,
) -> None:
    """What changed between two versions: settings, stages, and items with the reasons they left."""
    from flows.terminal.looking import print_diff

    print_diff(catalog, before, after, json)


@app.command()
def whatif(
    catalog: CatalogOption = CATALOG,
    identity: Annotated[
        float | None, typer.Option(help="Mean cosine of both faces, at least. The paper's is 0.85.")
    ] = None,
    lip_distance: Annotated[
        float | None, typer.Option(help="Pixels of ArcFace's template between the mouths, at least.")
    ] = None,
    sync_companion: Annotated[
        float | None, typer.Option(help="SyncNet's confidence in the companion and its sound, at least.")
    ] = None,
    sync_crossed: Annotated[
        float | None, typer.Option(help="The same with the clip's sound, at most.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any limit, e.g. pairverdict.seam=1.5, or =off. Repeatable."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a PNG of pairs that are gained or lost.")] = None,
    json: JsonOption = False,
) -> None:
    """How many pairs other limits would accept, and which: from stored scores, in seconds."""
    from flows.terminal.whatif import print_whatif

    named = {
        "identity": identity,
        "lip_distance": lip_distance,
        "sync_companion": sync_companion,
        "sync_crossed": sync_crossed,
    }
    given = [f"pairverdict.{name}={value!r}" for name, value in named.items() if value is not None]
    print_whatif(catalog, [*given, *(settings or ())], json, sheet)
