"""Prints everything that made an item, or why it was rejected, as a tree."""

from collections.abc import Sequence

from rich.tree import Tree

from flows.terminal.console import console, when
from flows.terminal.plain_text import escape
from storage.versions.lineage import Step, Trace
from storage.versions.trained import Saw


def show_trace(trace: Trace, history: bool) -> None:
    for uri in trace.uris:
        console.print(f"[bold]{escape(uri)}[/]", soft_wrap=True)
    shown = [s for s in trace.steps if s.current or history]
    ids = list(dict.fromkeys(s.row["item_id"] for s in shown if not s.named_by))
    tree = Tree(f"ids {' -> '.join(ids)}" if len(ids) < 4 else f"{len(ids)} ids")
    for step in shown:
        _add_step(tree, step, trace.notes.get(step.row["run"], ""))
    console.print(tree)
    older = len(trace.steps) - len(shown)
    if older:
        console.print(f"{older} older rows, of other settings: --history shows them")
    if trace.versions:
        console.print(f"In versions: {', '.join(trace.versions)}")
    else:
        console.print("In no published version.")


def show_seen(seen: Sequence[Saw]) -> None:
    """Trainings that learnt from what was traced, or from a training that did."""
    for one in seen:
        console.print(f"  {seen_line(one)}", markup=False, soft_wrap=True)


def seen_line(one: Saw) -> str:
    if one.by:
        return f"training {one.run} ({one.kind}, {one.state}) descends from {one.by}"
    clips = f"{one.clips} of its rows" if one.clips > 1 else "one of its rows"
    return f"training {one.run} ({one.kind}, {one.state}) saw {clips}, in {one.data}"


def _add_step(tree: Tree, step: Step, note: str) -> None:
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
    tried = f", try {row['revision'] // 2 + 1}" if row["revision"] else ""
    branch.add(escape(f"run {row['run']}{tried}" + (f", {note}" if note else "")))
    if made and made.config:
        branch.add("settings " + escape(", ".join(f"{k}={v}" for k, v in made.config.items())))
    if made and made.weights:
        branch.add("weights " + escape(", ".join(f"{k} {v[:12]}" for k, v in made.weights.items())))
