"""`redub promote`: prints how checkpoints keep the gates, what was promoted, and all promotions so far."""

from collections.abc import Sequence
from typing import Any

from flows.promoting.gates import Checked
from flows.promoting.promoting import Judged, judge, promote
from flows.terminal.console import console, print_json, table_of_columns, when
from flows.terminal.plain_text import escape
from storage.ledger.catalog import existing_catalog
from storage.trainings.promotion import Promotion, promotions


def promote_runs(root: str, names: Sequence[str], gates: Sequence[str], anyway: str, as_json: bool) -> None:
    """Prints the table also of what is refused."""
    catalog = existing_catalog(root)
    judged = judge(catalog, names, gates)
    if not as_json:
        console.print(_table(judged.checks))
    elif judged.failed and not anyway:
        print_json({"promoted": None, "new": False, "checks": plain_checks(judged)})
    one, new = promote(catalog, judged, anyway)
    if as_json:
        print_json({"promoted": plain_promotion(one), "new": new, "checks": plain_checks(judged)})
        return
    said = "Promoted" if new else f"Promoted already, {when(one.at)}"
    console.print(
        f"\n{said}: {_names(one)}. `redub dub -c {catalog.root}` dubs with it.", markup=False, soft_wrap=True
    )


def print_promotions(root: str, as_json: bool) -> None:
    """Newest first: it is the one that counts."""
    catalog = existing_catalog(root)
    found = promotions(catalog)[::-1]
    if as_json:
        print_json([plain_promotion(one) for one in found])
    elif not found:
        console.print(
            f"Nothing was promoted in {catalog.root} yet: redub promote EDITOR [EXPERT ...]",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    for number, one in enumerate([] if as_json else found):
        now = "[green]now[/] " if not number else "    "
        code = f", code {one.git_commit}" if one.git_commit else ""
        console.print(
            f"{now}{when(one.at)}  {escape(_names(one))} on {escape(one.data)}{code}", soft_wrap=True
        )
        if one.reason:
            console.print(f"    anyway: {one.reason}", markup=False, soft_wrap=True)


def _names(one: Promotion) -> str:
    return " with ".join(
        [one.editor.uri, " and ".join(expert.uri for expert in one.experts)][: 1 + bool(one.experts)]
    )


def _table(checks: Sequence[Checked]) -> Any:
    table = table_of_columns(
        ("checkpoint", "left"), ("metric", "left"), ("value", "right"), ("gate", "right"), ("passed", "left")
    )
    for one in checks:
        value = "-" if one.value is None else f"{one.value:.3g}"
        passed = ("[green]yes[/]" if one.value is not None else "not asked") if one.passed else "[red]no[/]"
        table.add_row(escape(one.uri), one.gate.metric, value, one.gate.said(), passed)
    return table


def plain_checks(judged: Judged) -> list[dict[str, Any]]:
    """For JSON: each gate of each checkpoint."""
    return [
        {
            "checkpoint": one.uri, "metric": one.gate.metric, "value": one.value, "gate": one.gate.said(),
            "passed": one.passed,
        }
        for one in judged.checks
    ]  # fmt: skip


def plain_promotion(one: Promotion) -> dict[str, Any]:
    """For JSON: the whole row."""
    weights = [
        {"uri": each.uri, "kind": each.kind, "digest": each.digest, "metrics": each.measured}
        for each in one.all
    ]
    return {
        "at": one.at, "editor": weights[0], "experts": weights[1:], "data": one.data,
        "data_digest": one.data_digest, "sampling": one.sampling, "gates": one.gates, "reason": one.reason,
        "git_commit": one.git_commit,
    }  # fmt: skip
