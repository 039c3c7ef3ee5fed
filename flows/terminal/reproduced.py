"""Prints what was reproduced: the numbers of each variant, and claim by claim whether it holds."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import isfinite
from typing import Any

from rich.table import Table

from flows.reproduce.claims import METRICS, Judged, Metric
from flows.reproduce.comparison import Reproduction
from flows.terminal.console import console, table_of_columns
from models.mini.companions.intervals import Sure

BLOCKS = (
    ("opening_r", "width_r", "opening_r_occluded", "leak"),
    ("silent_motion", "silent_follows_source", "identity"),
    ("psnr_full", "ssim_full", "psnr_mask", "psnr_lips", "clip_likeness"),
)
"""So many columns fit a terminal."""
COLOURS = {"holds": "green", "does not hold": "red", "not told apart": "yellow"}
SOURCE = "psnr_lips_of_the_source"


def show_reproduction(found: Reproduction) -> None:
    """Two tables: all numbers, some at a time, and all claims."""
    console.print(f"{_of_what(found, '+-')}\n")
    for names in BLOCKS:
        console.print(_numbers(found, names))
        console.print()
    source = next(iter(found.numbers.values()))[SOURCE]
    console.print(f"The source's own lips are {source.value:.2f} dB from the truth's.\n", markup=False)
    _show_claims(found.judged)


def as_plain(found: Reproduction) -> dict[str, Any]:
    """For a program."""
    return {
        "people": found.people,
        "noises": found.noises,
        "trainings": found.trainings,
        "variants": {
            name: {metric: _plain(sure) for metric, sure in numbers.items()}
            for name, numbers in found.numbers.items()
        },
        "claims": [
            {
                "name": one.claim.name, "metric": one.claim.metric, "ours": one.claim.ours, "theirs": one.claim.theirs,
                "difference": _plain(one.apart), "verdict": one.verdict, "paper": one.claim.paper,
            }
            for one in found.judged
        ],
    }  # fmt: skip


def as_markdown(found: Reproduction) -> str:
    """Both tables for a page."""
    parts = [f"{_of_what(found, '±')}."]
    metrics = [name for name in METRICS if any(name in one for one in found.numbers.values())]
    rows = [
        [
            METRICS[name].words,
            *(_said(numbers[name], METRICS[name], "±") for numbers in found.numbers.values()),
        ]
        for name in metrics
    ]
    parts.append(_markdown(["", *found.numbers], rows))
    parts.append(_markdown(["claim", "number", "difference", "", "the paper"], map(_claim, found.judged)))
    return "\n\n".join(parts) + "\n"


def _of_what(found: Reproduction, sign: str) -> str:
    again = f" and trainings, of which there are {found.trainings}" if found.trainings > 1 else ""
    noises = "noise" if found.noises == 1 else "noises"
    return f"{found.people} strangers, {found.noises} {noises} each; {sign} is half of a 95 % interval over people{again}"


def _claim(one: Judged) -> list[str]:
    metric = METRICS[one.claim.metric]
    return [
        one.claim.sentence,
        metric.words,
        _said(one.apart, metric, "±", "+"),
        f"**{one.verdict}**",
        one.claim.paper,
    ]


def _markdown(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(line).replace("*", "\\*").replace("\\*\\*", "**") + " |" for line in lines
    )


def _numbers(found: Reproduction, names: Sequence[str]) -> Table:
    table = table_of_columns(("", "left"), *((name, "right") for name in names))
    for variant, numbers in found.numbers.items():
        table.add_row(variant, *(_said(numbers[name], METRICS[name], "+-") for name in names))
    return table


def _show_claims(judged: Sequence[Judged]) -> None:
    """Claims of one name under one line, which says what the paper has."""
    for (name, paper), each in groupby(judged, lambda one: (one.claim.name, one.claim.paper)):
        console.print(f"[bold]{name}[/]" + (f" (the paper: {paper})" if paper else ""))
        for one in each:
            said = _said(one.apart, METRICS[one.claim.metric], "+-", "+")
            colour = COLOURS[one.verdict]
            console.print(
                f" {one.claim.compared:29} {one.claim.metric:21} {said:>12} [{colour}]{one.verdict}[/]",
                soft_wrap=True,
            )


def _said(sure: Sure, metric: Metric, between: str, sign: str = "") -> str:
    if not isfinite(sure.value):
        return "-"
    digits = metric.digits
    return f"{_short(sure.value, digits, sign)}{between}{_short(sure.plus_minus, digits)}"


def _short(value: float, digits: int, sign: str = "") -> str:
    """Without the zero before the point, which takes room."""
    text = f"{value:{sign}.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text


def _plain(sure: Sure) -> dict[str, float | None]:
    """NaN is no JSON."""
    values: Mapping[str, float] = {"value": sure.value, "plus_minus": sure.plus_minus}
    return {name: round(value, 5) if isfinite(value) else None for name, value in values.items()}
