"""Commands that tidy a catalog up: `redub gc`, `redub forget`, and `redub quarantine`."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption

app = typer.Typer()
quarantine = typer.Typer(
    help="Items that raised, hung or killed a worker: look at them, try them again.", no_args_is_help=True
)
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Delete; without it, only say what would go.")]


@app.command()
def gc(
    catalog: CatalogOption = CATALOG,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep the newest N versions, give up the others.")
    ] = None,
    yes: Yes = False,
    json: JsonOption = False,
) -> None:
    """Delete rows and files that no published version and no unfinished rebuild reaches."""
    from flows.terminal.tidying import collect_garbage

    collect_garbage(catalog, keep, yes, json)


@app.command()
def forget(
    speaker: Annotated[str, typer.Option(help="A person, by the name that `redub trace` shows.")] = "",
    source: Annotated[
        str, typer.Option(help="One source: its uri, or an end of it that fits no other.")
    ] = "",
    catalog: CatalogOption = CATALOG,
    yes: Yes = False,
    json: JsonOption = False,
) -> None:
    """Delete a person or a source for good, from every table and every published version.

    The files that were listed stay where they are: take them away yourself. Should they be listed again, or the same
    content under another name, they are refused.
    """
    from flows.terminal.forgetting import forget_one

    forget_one(catalog, speaker, source, yes, json)


@quarantine.command("list")
def quarantine_list(catalog: CatalogOption = CATALOG, json: JsonOption = False) -> None:
    """What the newest rebuild has held, at which stage, and why."""
    from flows.terminal.quarantine import print_held

    print_held(catalog, json)


@quarantine.command("show")
def quarantine_show(
    item: Annotated[str, typer.Argument(help="The start of the item's id.")],
    catalog: CatalogOption = CATALOG,
    json: JsonOption = False,
) -> None:
    """One held item: its source, what happened, the traceback, and the command that tries it again."""
    from flows.terminal.quarantine import print_one_held

    print_one_held(catalog, item, json)


@quarantine.command("retry")
def quarantine_retry(
    item: Annotated[str, typer.Argument(help="The start of the item's id; `all` for every one.")],
    catalog: CatalogOption = CATALOG,
) -> None:
    """Let the next rebuild try an item again."""
    from flows.terminal.quarantine import ask_to_try_again

    ask_to_try_again(catalog, item)
