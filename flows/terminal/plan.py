"""`redub plan`: prints what a rebuild would compute, reuse and cost."""

from collections import Counter
from collections.abc import Mapping, Sequence

from flows.errors import FootageRefused, SpeakersUnknown
from flows.recipe_files import load_recipe
from flows.recipes import Recipe
from flows.run.footage import check_not_the_world, refuse, unsuited
from flows.run.graph import nodes_of, stages_of
from flows.run.planning import Plan, StagePlan, make_plan
from flows.run.request import check_needs
from flows.run.splits import check_splits
from flows.terminal.console import console, duration, number, print_json, size, table_of_columns
from flows.terminal.plain_plan import plain_plan
from flows.terminal.plain_text import escape, paragraph
from flows.trained_weights import pinned
from infra.profiles import load_profile
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import refuse_forgotten
from storage.sources import Listing, check_rights, list_sources
from storage.store import Store
from tasks.stage import Stage


def print_plan(
    source: str,
    catalog: str,
    recipe: str,
    overrides: Sequence[str],
    profile: str,
    licence: str,
    consent: str,
    as_json: bool = False,
) -> None:
    where = load_profile(profile)
    check_needs(where)  # not whether it fits here: a plan for another machine is a good question
    tables = Catalog(catalog, Store.told(where.storage_options))
    what = pinned(tables, load_recipe(recipe, overrides))
    stages = stages_of(what)
    listing = list_sources(source, tables.store, licence, consent)
    refuse_forgotten(tables, listing)
    check_rights(listing)
    plan = make_plan(tables, stages, nodes_of(stages), where, listing)
    refusal = _refusal(what, recipe, stages, listing, tables.store)
    if as_json:
        print_json(plain_plan(plan, where.name, refusal))
        return
    show_plan(plan, where.name)
    show_refused(listing)
    if refusal:
        console.print(f"\n[yellow]`redub rebuild` would refuse this:[/] {paragraph(refusal)}", soft_wrap=True)


def _refusal(what: Recipe, name: str, stages: Mapping[str, Stage], listing: Listing, store: Store) -> str:
    """Why `redub rebuild` would not begin: no reason not to look at what it would cost."""
    try:
        check_splits(what, listing)
        if found := unsuited(stages, listing, store):
            refuse(found, name)
        check_not_the_world(stages, listing, store)
    except (FootageRefused, SpeakersUnknown) as refusal:
        return str(refusal)
    return ""


def show_plan(plan: Plan, profile: str) -> None:
    console.print(
        f"{number(plan.sources)} sources, {number(plan.new_sources)} of them new; "
        f"{number(plan.refused_sources)} more refused at the door (duplicates, unreadable)\n"
    )
    left = [("stage", "left")]
    right = [
        (n, "right") for n in ("compute", "expected", "reused", "retried", "held", "CPU h", "GPU h", "writes")
    ]
    table = table_of_columns(*left, *right)
    for s in plan.stages:
        table.add_row(*_plan_row(s))
    console.print(table)
    console.print()
    _plan_words(plan, profile)


def show_refused(listing: Listing) -> None:
    """Why sources are refused at the door: by code, each with one of them."""
    codes = Counter(code for _, code, _ in listing.rejected)
    for code, count in codes.most_common():
        source, reason = next((source, why) for source, its, why in listing.rejected if its == code)
        console.print(
            f"[yellow]refused[/] {number(count)} {code}, such as {escape(source.uri)}: {escape(reason)}",
            soft_wrap=True,
        )


def _nothing(plan: Plan) -> str:
    if plan.sources:
        return "Nothing to compute: every row is there."
    if plan.refused_sources:
        return "Nothing to compute: no source is left, all are refused."
    return "Nothing to compute: no source is there."


def _plan_row(s: StagePlan) -> tuple[str, ...]:
    def hours(unit: float) -> str:
        h = s.hours(unit)
        return "?" if h is None else "-" if not unit else f"{h:.2f}" if h < 10 else f"{h:,.0f}"

    expected = f"~{number(s.arriving)}" if s.arriving else "0"
    writes = size(s.total * s.measured.bytes) if s.measured else "?"
    counts = (number(s.compute), expected, number(s.reused), number(s.retried), number(s.held))
    return (s.name, *counts, hours(s.needs.cpus), hours(s.needs.gpus), writes)


def _plan_words(plan: Plan, profile: str) -> None:
    if plan.nothing_to_do:
        console.print(_nothing(plan))
        return
    unknown = [s.name for s in plan.stages if s.total and not s.measured]
    if unknown:
        console.print(
            f"No measurements yet for {', '.join(unknown)}: their hours show once some rows are done."
        )
    slowest = plan.bottleneck
    if slowest:
        rate = slowest.total / (slowest.wall_s or 1.0)
        workers = "1 worker" if slowest.workers == 1 else f"{slowest.workers} workers"
        console.print(
            f"On profile {profile} the first bottleneck is [bold]{slowest.name}[/]: {workers}, "
            f"{rate:.1f} items/s together, about {duration(slowest.wall_s)}."
        )
