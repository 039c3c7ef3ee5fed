"""`redub review`: the masks that wait for a look as a page and a csv, and the verdicts back into the catalog."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption

app = typer.Typer(
    help="Masks that a person must look at: accept, reject, or have them made again.", no_args_is_help=True
)


@app.command("export")
def review_export(
    catalog: CatalogOption = CATALOG,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for index.html and review.csv.")] = "review",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what went on, or was judged already: verdicts may change.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Clips at most; the least stable come first.")] = 300,
) -> None:
    """Write the page on which masks are looked at. It is one file: send it to whoever judges them."""
    from flows.terminal.review import export_page

    export_page(catalog, out, everything, limit)


@app.command("import")
def review_import(
    file: Annotated[str, typer.Argument(help="The csv that the page gave, or review.csv filled in.")],
    who: Annotated[str, typer.Option(help="Who gave these verdicts.")],
    catalog: CatalogOption = CATALOG,
) -> None:
    """Take verdicts in, all of them or none. It may be done while a rebuild runs."""
    from flows.terminal.review import import_verdicts

    import_verdicts(catalog, file, who)
