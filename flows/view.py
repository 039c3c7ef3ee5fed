"""What the command line draws: plans, funnels, live progress, traces. Made to be read in 80 columns."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from flows.driver import Rebuild, StageProgress
from flows.planning import Plan, StagePlan
from storage.versions.diff import Diff
from storage.versions.trace import Step, Trace
from storage.versions.version import Version

console = Console(highlight=False)
problems = Console(stderr=True, highlight=False)


def number(n: float | None) -> str:
    return "-" if n is None else f"{n:,.0f}"


def duration(seconds: float | None) -> str:
    """Two units at most: `1 h 12 min`, `45 s`."""
    if seconds is None:
        return "?"
    if seconds < 1:
        return "<1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h {minutes % 60} min"


def size(n: float | None) -> str:
    if n is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def _table(*columns: tuple[str, str], title: str | None = None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", header_style="bold")
    for name, justify in columns:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    return table


# -- plan ----------------------------------------------------------------------------------------------


def show_plan(plan: Plan, profile: str) -> None:
    console.print(
        f"{number(plan.sources)} sources, {number(plan.new_sources)} of them new; "
        f"{number(plan.refused_sources)} more refused at the door (duplicates, unreadable)\n"
    )
    left = [("stage", "left")]
    right = [
        (n, "right") for n in ("compute", "expected", "reused", "retried", "held", "CPU h", "GPU h", "writes")
    ]
    table = _table(*left, *right)
    for s in plan.stages:
        table.add_row(*_plan_row(s))
    console.print(table)
    console.print()
    _plan_words(plan, profile)


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
        console.print("Nothing to compute: every row is there.")
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


# -- a run ---------------------------------------------------------------------------------------------


@contextmanager
def live_progress(run: Rebuild) -> Iterator[None]:
    """A line per stage that moves on its own; on a dumb terminal, a line of text now and then."""
    if not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: _progress_table(run.progress()), console=console, refresh_per_second=4):
        yield


def _progress_table(stages: list[StageProgress]) -> Group:
    left = [("stage", "left"), ("", "left")]
    right = [(n, "right") for n in ("done", "ok", "rejected", "held", "rate", "left", "workers")]
    table = _table(*left, *right)
    for p in stages:
        eta = "" if p.finished else duration(p.eta_s) if p.eta_s else "..."
        rate = f"{p.rate:.1f}/s" if p.rate else ""
        table.add_row(
            p.name, _bar(p), f"{p.done}/{p.expected}", *map(str, (p.ok, p.rejected, p.quarantined)),
            rate, eta, str(p.workers or ""),
        )  # fmt: skip
    return Group(table, *_slow_items(stages))


def _slow_items(stages: list[StageProgress]) -> list[Text]:
    return [
        Text(f"  {p.name} has been at item {p.oldest[0]} for {duration(p.oldest[1])}", style="yellow")
        for p in stages
        if p.oldest and p.oldest[1] > 20
    ]


def _bar(p: StageProgress, width: int = 10) -> Text:
    share = 1.0 if p.finished else p.done / max(p.expected, 1)
    filled = round(share * width)
    return Text("━" * filled, style="green") + Text("━" * (width - filled), style="bright_black")


def progress_line(stages: list[StageProgress]) -> str:
    """What is under way; stages that are through, or haven't begun, are only counted."""
    stages = [p for p in stages if p.expected]
    moving = [
        f"{p.name} {p.done}/{p.expected}" + (f" {p.rate:.1f}/s" if p.rate else "")
        for p in stages
        if p.done and not p.finished
    ]
    through = f"{sum(p.finished for p in stages)} of {len(stages)} stages done" if len(stages) > 1 else ""
    return " | ".join([*([through] if through else []), *moving])


# -- versions ------------------------------------------------------------------------------------------


def show_version(version: Version, catalog: str) -> None:
    m = version.manifest
    state = "published" if version.new else "is up to date"
    splits = ", ".join(f"{k} {v}" for k, v in sorted(m["splits"].items()))
    console.print(
        f"\nDataset [bold]{m['version']}[/] {state}, {number(m['rows'])} rows" + f" ({splits})" * bool(splits)
    )
    console.print()
    show_funnel(m["funnel"])
    held = sum(row["quarantined"] for row in m["funnel"])
    if held:
        console.print(
            f"\n[red]In quarantine: {number(held)}.[/] Why: redub quarantine list -c {catalog}",
            soft_wrap=True,
        )


FUNNEL = ("in", "out", "rejected", "quarantined", "pending")


def show_funnel(funnel: list[Mapping[str, Any]]) -> None:
    table = _table(("stage", "left"), ("", "left"), *((n, "right") for n in FUNNEL))
    widest = max((row["in"] for row in funnel), default=1) or 1
    for row in funnel:
        bar = Text("█" * round(24 * row["out"] / widest), style="cyan") + Text(
            "░" * round(24 * (row["rejected"] + row["quarantined"]) / widest), style="bright_black"
        )
        table.add_row(row["stage"], bar, *(number(row.get(k, 0)) for k in FUNNEL))
    console.print(table)
    for row in funnel:
        if row.get("unmet"):
            console.print(
                f"{number(row['unmet'])} items did not come to {row['stage']}, because another item that they name was not "
                "accepted: `redub trace ID` shows both"
            )


def show_diff(diff: Diff, limit: int = 8) -> None:
    a, b = diff.before, diff.after
    console.print(f"{a['version']} ({number(a['rows'])} rows) -> {b['version']} ({number(b['rows'])} rows)\n")
    for name, (old, new) in diff.settings.items():
        console.print(f"  setting  {name}: {old} -> {new}")
    for stage, fingerprint in b["fingerprints"].items():
        if a["fingerprints"].get(stage) != fingerprint:
            console.print(
                f"  stage    {stage}: {a['fingerprints'].get(stage, 'absent')[:8]} -> {fingerprint[:8]}"
            )
    console.print(f"\n  {number(len(diff.added))} added" + _some(diff.added, limit))
    console.print(f"  {number(len(diff.removed))} removed")
    for reason, count in diff.reasons().most_common(limit):
        console.print(
            f"    {count:>6,}  {escape(reason)}"
            + _some([i for i, r in diff.removed.items() if r == reason], 2)
        )
    console.print(f"  {number(len(diff.recomputed))} in both, computed anew" + _some(diff.recomputed, limit))


def _some(ids: Any, limit: int) -> str:
    return f": {' '.join(ids[:limit])}" + (" ..." if len(ids) > limit else "") if ids else ""


# -- one item ------------------------------------------------------------------------------------------


def show_trace(trace: Trace, history: bool) -> None:
    for uri in trace.uris:
        console.print(f"[bold]{escape(uri)}[/]", soft_wrap=True)
    shown = [s for s in trace.steps if s.current or history]
    ids = list(dict.fromkeys(s.row["item_id"] for s in shown if not s.named_by))
    tree = Tree(f"ids {' -> '.join(ids)}" if len(ids) < 4 else f"{len(ids)} ids")
    for step in shown:
        _add_step(tree, step)
    console.print(tree)
    older = len(trace.steps) - len(shown)
    if older:
        console.print(f"{older} older rows, of other settings: --history shows them")
    if trace.versions:
        console.print(f"In versions: {', '.join(trace.versions)}")
    else:
        console.print("In no published version.")


def _add_step(tree: Tree, step: Step) -> None:
    row = step.row
    colour = {"ok": "green", "rejected": "yellow", "quarantined": "red"}.get(row["status"], "cyan")
    line = f"[bold]{step.stage}[/] {row['item_id']} [{colour}]{row['status']}[/]"
    line += f" (named by {step.named_by})" if step.named_by else ""
    branch = tree.add(line if step.current else line + " (older settings)")
    if row["reason"]:
        branch.add(f"[{colour}]{escape(row['reason'])}[/]")
    made = step.computation
    code = f"code {made.version}, " if made else ""
    branch.add(f"{code}fingerprint {row['fingerprint']}, {row['seconds']:.2f} s, {when(row['written_at'])}")
    branch.add(f"run {row['run']}" + (f", try {row['revision'] // 2 + 1}" if row["revision"] else ""))
    if made and made.config:
        branch.add("settings " + escape(", ".join(f"{k}={v}" for k, v in made.config.items())))
    if made and made.weights:
        branch.add("weights " + escape(", ".join(f"{k} {v[:12]}" for k, v in made.weights.items())))


def when(moment: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment.timestamp()))
