"""Prints what made a training: its recipe, its data with sources and licences, its parents, and its checkpoints."""

from collections.abc import Mapping
from typing import Any

from rich.tree import Tree

from flows.terminal.console import console, duration, number, when
from flows.terminal.plain_text import escape
from storage.trainings.reading import Checkpoint, Training
from storage.versions.anyway import sentence
from storage.versions.trained import RunTrace


def show_run_trace(trace: RunTrace) -> None:
    one = trace.training
    tree = Tree(f"[bold]run:{one.run}[/] {one.kind}, {one.state}, started {when(one.started)}")
    _add(tree, f"code {one.git_commit or 'of no commit'}, profile {one.profile}, {one.world} workers", "")
    _add(tree, "recipe", ", ".join(f"{k}={v}" for k, v in one.recipe.items()))
    _add_data(tree.add(f"data [bold]{escape(one.data)}[/] {one.data_digest[:12]}"), trace)
    _add_parents(tree, one)
    for checkpoint in trace.checkpoints:
        _add(tree, f"checkpoint run:{one.run}@{checkpoint.step}", checkpoint_words(checkpoint))
    console.print(tree)


def _add_data(branch: Tree, trace: RunTrace) -> None:
    data = trace.data
    if not data:
        branch.add("rendered people" if trace.training.data.startswith("world:") else "given up since")
        return
    branch.add(
        f"{number(data['rows'])} rows ({_counts(data['splits'])}), from {escape(str(data.get('sources', '?')))}"
    )
    branch.add(f"licences {escape(_counts(data['licences']))}; consent {escape(_counts(data['consent']))}")
    if told := sentence(data):
        branch.add(escape(told))
    for model, said in data.get("models", {}).items():
        branch.add(escape(f"made with {model}, {said['licence']}"))
    if trace.forgotten_since:
        branch.add(f"[yellow]{number(trace.forgotten_since)} rows were forgotten since it started[/]")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number(count)}" for name, count in sorted(counts.items()))


def _add_parents(tree: Tree, one: Training) -> None:
    for parent in one.parents:
        reference, _, digest = parent.rpartition(" ")
        begins = ", which it began from" if reference == one.init else ""
        tree.add(escape(f"parent {reference}, sha256 {digest[:12]}{begins}"))


def _add(tree: Tree, head: str, said: str) -> None:
    tree.add(escape(f"{head}: {said}" if said else head))


def checkpoint_words(one: Checkpoint) -> str:
    words = [
        f"{number(one.samples)} samples", metrics_words(one.metrics), f"{duration(one.seconds)}",
        f"sha256 {one.digest[:12]}", "best" if one.best else "",
    ]  # fmt: skip
    return ", ".join(word for word in words if word)


def metrics_words(metrics: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def first_metric(best: Checkpoint | None) -> str:
    """What the best checkpoint was chosen by."""
    return metrics_words(dict(list(best.metrics.items())[:1])) if best else ""
