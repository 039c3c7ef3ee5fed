"""`redub impact`: prints what a changed model would compute anew, and what holds rows that it made."""

from flows.terminal.console import console, duration, number, print_json, size, table_of_columns
from flows.terminal.plain_text import escape
from models.weights.known import called
from models.weights.references import ModelError, without_digest
from models.weights.runs import RUN
from storage.ledger.catalog import Catalog, existing_catalog
from storage.versions.impact import Impact, impact, models_used


def print_impact(root: str, model: str, as_json: bool) -> None:
    catalog = existing_catalog(root)
    found = impact(catalog, _meant(catalog, model))
    print_json(found) if as_json else show_impact(found, model)


def _meant(catalog: Catalog, model: str) -> list[str]:
    """The references by which rows of this catalog name it."""
    used = models_used(catalog)
    meant = [one for one in used if model in _names(one)]
    if not meant:
        known = sorted({_called(one) for one in used})
        told = f"made with {', '.join(known)}" if known else "made without any"
        raise ModelError(f"no row of {catalog.root} was made with {model!r}; its rows were {told}")
    return meant


def _names(reference: str) -> set[str]:
    """What a person may call it: a training without its step, too."""
    whole = {reference, without_digest(reference), _called(reference)}
    return whole | {reference.partition("@")[0]} if reference.startswith(RUN) else whole


def _called(reference: str) -> str:
    return reference if reference.startswith(("mini:", RUN)) else called(reference)


def show_impact(found: Impact, model: str) -> None:
    if found.stages:
        console.print(f"Another {escape(model)} would compute anew, of the newest rebuild:\n", soft_wrap=True)
        right = ("rows", "took", "bytes")
        table = table_of_columns(("stage", "left"), *((name, "right") for name in right), ("since", "left"))
        for one in found.stages:
            why = "it loads it" if one.loads else "it reads what comes of it"
            table.add_row(one.stage, number(one.rows), duration(one.seconds), size(one.bytes), why)
        console.print(table)
        took = sum(one.seconds for one in found.stages)
        console.print(f"\nTogether {duration(took)} of work, one worker after the other.")
    else:
        console.print(f"The newest rebuild does without {escape(model)}: nothing would be computed anew.")
    console.print()
    for each in found.versions:
        names = f" ({', '.join(each.aliases)})" if each.aliases else ""
        stages = f"{len(each.stages)} stages" if len(each.stages) > 3 else ", ".join(each.stages)
        console.print(f"{each.version}{names} holds {number(each.rows)} rows of it, of {stages}")
        for run in each.trainings:
            console.print(f"  training {run} learned from it", markup=False)
    if not found.versions:
        console.print("No version holds rows that it made.")
