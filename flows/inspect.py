"""Commands of `redub` that look at a catalog, and those that tidy it up."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import CATALOG, CatalogOption, RecipeOption, SetOption

app = typer.Typer()
quarantine = typer.Typer(
    help="Items that raised, hung or killed a worker: look at them, try them again.", no_args_is_help=True
)
app.add_typer(quarantine, name="quarantine")


@app.command()
def status(catalog: CatalogOption = CATALOG) -> None:
    """Runs, rows per stage and published versions of a catalog."""
    from flows.status import show_status

    show_status(_existing(catalog))


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
    limit: Annotated[int, typer.Option(min=1, help="Rows at most, spread over people or reasons.")] = 60,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the two files.")] = Path("."),
) -> None:
    """Look at a stage's rows: a contact sheet (PNG), and the clips playing side by side (MP4)."""
    from flows.sheets import stage_sheet
    from flows.view import console

    out.mkdir(parents=True, exist_ok=True)
    name = f"{stage}-{only}"
    written = stage_sheet(
        _existing(catalog), stage, out / f"{name}.png", out / f"{name}.mp4",
        only=only, limit=limit, columns=column or (), pictures=picture or (),
    )  # fmt: skip
    console.print(
        f"{written.shown} rows: {written.sheet}" + (f", {written.mosaic}" if written.mosaic else "")
    )


@app.command()
def trace(
    item: Annotated[str, typer.Argument(help="The start of an id, or the end of a file's name.")],
    catalog: CatalogOption = CATALOG,
    history: Annotated[bool, typer.Option("--history", help="Rows of earlier settings, too.")] = False,
) -> None:
    """Everything that made an item: source, rows, settings, code, runs, versions; or why it was rejected."""
    from flows.view import show_trace
    from storage.versions.trace import trace as trace_item

    show_trace(trace_item(_existing(catalog), item), history)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version, for example v1.")],
    after: Annotated[str, typer.Argument(help="A later one, for example v2.")],
    catalog: CatalogOption = CATALOG,
) -> None:
    """What changed between two versions: settings, stages, and items with the reasons they left."""
    from flows.view import show_diff
    from storage.versions.diff import diff as compare

    show_diff(compare(_existing(catalog), before, after))


@app.command()
def gc(
    catalog: CatalogOption = CATALOG,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep the newest N versions, give up the others.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete; without it, only say what would go.")
    ] = False,
) -> None:
    """Delete rows and files that no published version and no unfinished rebuild reaches."""
    from flows.view import console, number, size
    from storage.versions.garbage import collect, find_garbage

    tables = _existing(catalog)
    found = find_garbage(tables, keep)
    for stage, rows in found.rows.items():
        console.print(f"  {stage}: {number(rows)} rows of settings that no kept version has")
    for tag in found.versions:
        console.print(f"  version {tag}")
    if not yes:
        console.print("Nothing deleted yet." if found.rows or found.versions else "No unreached rows.")
        console.print("`redub gc --yes` deletes, and clears away what killed writers left.")
        return
    with tables.lock("gc"):
        console.print(f"Freed {size(collect(tables, found).freed)}.")


@app.command()
def forget(
    speaker: Annotated[str, typer.Option(help="A person, by the name that `redub trace` shows.")] = "",
    source: Annotated[
        str, typer.Option(help="One source: its uri, or an end of it that fits no other.")
    ] = "",
    catalog: CatalogOption = CATALOG,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete; without it, only say what would go.")
    ] = False,
) -> None:
    """Delete a person or a source for good, from every table and every published version.

    The files that were listed stay where they are: take them away yourself. Should they be listed again, or the same
    content under another name, they are refused.
    """
    from flows.forgetting import forget_one

    forget_one(_existing(catalog), speaker, source, yes)


@quarantine.command("list")
def quarantine_list(
    catalog: CatalogOption = CATALOG, recipe: RecipeOption = "mini", set_: SetOption = None
) -> None:
    """What is held, at which stage, and why."""
    from flows.status import show_quarantine
    from storage.ledger.quarantine import held

    tables = _existing(catalog)
    show_quarantine(held(tables, _nodes(recipe, set_)), tables.root)


@quarantine.command("show")
def quarantine_show(
    item: Annotated[str, typer.Argument(help="The start of the item's id.")],
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = "mini",
    set_: SetOption = None,
) -> None:
    """One held item: its source, what happened, the traceback, and the command that tries it again."""
    from flows.status import show_held
    from storage.ledger.quarantine import held, one

    tables = _existing(catalog)
    show_held(tables, one(held(tables, _nodes(recipe, set_), item), item))


@quarantine.command("retry")
def quarantine_retry(
    item: Annotated[str, typer.Argument(help="The start of the item's id; `all` for every one.")],
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = "mini",
    set_: SetOption = None,
) -> None:
    """Let the next rebuild try an item again."""
    from flows.view import console
    from storage.ledger.quarantine import held, one, retry

    tables, nodes = _existing(catalog), _nodes(recipe, set_)
    rows = held(tables, nodes, "" if item == "all" else item)
    if item != "all":
        one(rows, item)
    with tables.lock("quarantine-retry"):
        retry(tables, nodes, rows, "quarantine-retry")
    console.print(f"{len(rows)} items will be tried again by the next `redub rebuild`.")


def _existing(catalog: str) -> Any:
    from storage.errors import StorageError
    from storage.ledger.catalog import Catalog

    tables = Catalog(catalog)
    if not tables.exists():
        raise StorageError(
            f"there is no catalog at {tables.root}; `redub rebuild --catalog {catalog} --source ...` makes one"
        )
    return tables


def _nodes(recipe: str, set_: list[str] | None) -> Any:
    from flows.recipes import load_recipe, nodes_of, stages_of

    return nodes_of(stages_of(load_recipe(recipe, set_ or [])))
