"""Prints a published version: its funnel, and what changed since another one."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from flows.terminal.console import console, number, table_of_columns
from flows.terminal.plain_text import escape
from storage.versions.anyway import sentence
from storage.versions.diff import Diff
from storage.versions.gates import ungated
from storage.versions.version import Version


def show_version(version: Version, catalog: str) -> None:
    m = version.manifest
    state = "published" if version.new else "is up to date"
    splits = ", ".join(f"{k} {v}" for k, v in sorted(m["splits"].items()))
    console.print(
        f"\nDataset [bold]{m['version']}[/] {state}, {number(m['rows'])} rows" + f" ({splits})" * bool(splits)
    )
    console.print()
    show_funnel(m["funnel"])
    if told := sentence(m):
        console.print(f"\n[yellow]Not to be relied on:[/] {escape(told)}", soft_wrap=True)
    if told := ungated(m):
        console.print(f"\n[yellow]Not as its gates ask:[/] {escape(told)}", soft_wrap=True)
    held = sum(row["quarantined"] for row in m["funnel"])
    if held:
        console.print(
            f"\n[red]In quarantine: {number(held)}.[/] Why: redub quarantine list -c {catalog}",
            soft_wrap=True,
        )


FUNNEL = ("in", "out", "rejected", "quarantined", "pending")


def show_funnel(funnel: list[Mapping[str, Any]]) -> None:
    table = table_of_columns(("stage", "left"), ("", "left"), *((n, "right") for n in FUNNEL))
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


def plain_diff(diff: Diff) -> dict[str, Any]:
    """As `redub diff --json` gives it."""
    a, b = diff.before, diff.after
    changed = {
        stage: {"before": a["fingerprints"].get(stage), "after": fingerprint}
        for stage, fingerprint in b["fingerprints"].items()
        if a["fingerprints"].get(stage) != fingerprint
    }
    return {
        "before": {"version": a["version"], "rows": a["rows"]},
        "after": {"version": b["version"], "rows": b["rows"]},
        "settings": {name: {"before": old, "after": new} for name, (old, new) in diff.settings.items()},
        "stages": changed,
        "added": diff.added,
        "removed": diff.removed,
        "recomputed": diff.recomputed,
    }


def show_diff(diff: Diff, limit: int = 8) -> None:
    a, b = diff.before, diff.after
    console.print(f"{a['version']} ({number(a['rows'])} rows) -> {b['version']} ({number(b['rows'])} rows)\n")
    for name, (old, new) in diff.settings.items():
        console.print(f"  setting  {name}: {escape(str(old))} -> {escape(str(new))}")
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
