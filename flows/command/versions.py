"""Commands about published versions: `redub versions`, `alias`, `rows`, `size` and `impact`."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption

app = typer.Typer()


@app.command()
def versions(catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """Published versions, newest first: rows, splits, when each was made, and the aliases that name it."""
    from flows.terminal.aliases import print_versions

    print_versions(catalog, json)


@app.command()
def alias(
    name: Annotated[
        str, typer.Argument(help="What to call a version, e.g. prod. Without one, all moves are listed.")
    ] = "",
    version: Annotated[
        str, typer.Argument(help="Which: v3, another alias, or a day as 2026-11-20. Without one, says it.")
    ] = "",
    catalog: CatalogOption = CATALOG,
    back: Annotated[
        bool, typer.Option("--back", help="Roll back: to the version that it named before.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the name away.")] = False,
    note: Annotated[str, typer.Option(help="Why; it is written down with the move.")] = "",
    json: JsonOption = False,
) -> None:
    """Give a version a name of your own, move the name, or move it back. Every move is kept.

    The name is then taken wherever a version is: by export, train, diff, rows, and redub.open in Python.
    """
    from flows.terminal.aliases import move_alias, print_moves

    if bool(version) + back + remove > 1 or (not name and (version or back or remove or note)):
        raise typer.BadParameter("give a name and a version, or a name and one of --back and --remove")
    if name and (version or back or remove):
        move_alias(catalog, name, version, back, note, json)
    else:
        print_moves(catalog, name, json)


@app.command()
def rows(
    version: Annotated[str, typer.Argument(help="v3, an alias, or a day as 2026-11-20.")],
    catalog: CatalogOption = CATALOG,
    where: Annotated[
        str, typer.Option(help="Only rows of which this is true, as in SQL: quality_sharpness > 8.")
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            help="Count them by reason (of those left out), stage, speaker, licence, or any column."
        ),
    ] = "",
    column: Annotated[
        list[str] | None, typer.Option(help="What to say of each row, instead of its facts. Repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows that are listed at most.")] = 20,
    json: JsonOption = False,
) -> None:
    """Rows of a version: which, how many, and of what; or, by reason and by stage, what was left out of it.

    By reason and by stage, --where filters what stages write of every row: status, code, reason, seconds, bytes, ...
    """
    from flows.terminal.rows import print_counts, print_rows

    if by:
        print_counts(catalog, version, by, where, json)
    else:
        print_rows(catalog, version, where, column or [], limit, json)


@app.command()
def size(catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """Bytes of each table and each version, and what `redub gc` would free."""
    from flows.terminal.sizes import print_sizes

    print_sizes(catalog, json)


@app.command()
def impact(
    model: Annotated[
        str, typer.Argument(help="A name that `redub models list` shows, a reference, or run:NAME.")
    ],
    catalog: CatalogOption = CATALOG,
    json: JsonOption = False,
) -> None:
    """What a changed model would compute anew, and which versions and trainings hold what it made."""
    from flows.terminal.impact import print_impact

    print_impact(catalog, model, json)
