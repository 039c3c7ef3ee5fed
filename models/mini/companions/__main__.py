"""Prints how good companions of strangers are beside the truth, and what cutting them into segments does.

    python -m models.mini.companions --people 8    # minutes; 40 people take half an hour of one core

Exit code 1: a number misses its floor.
"""

import argparse
import json
import logging
import math
import sys
from collections.abc import Mapping, Sequence

import torch

from models.mini.companions import measure
from models.mini.companions.intervals import Sure
from models.mini.companions.measure import CUTS, FLOORS, Bench, Found
from models.mini.report import Result
from models.mini.shipping import show_progress

LEAST, MOST = 5, 40
"""With fewer people nobody's interval is known; those after the fortieth are for tests."""
PAPER = {"sync_c": ("once", "segments"), "identity": ("segments", "once")}
"""Which of two cuts the paper's Table 6 has above the other: Sync-C 7.98 to 7.84, identity 0.867 to 0.842."""
TITLES = {"segments": "25, 5 + 2 in common", "apart": "25, none", "once": f"one pass of {measure.SHORT}"}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m models.mini.companions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--people", type=int, default=MOST, help="strangers (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="noises for each (default: %(default)s)")
    parser.add_argument("--generator", default="mini:generator", help="what paints (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print numbers for a program")
    asked = parser.parse_args()
    if not LEAST <= asked.people <= MOST or asked.seeds < 1:
        parser.error(
            f"there are {LEAST} to {MOST} people and 1 or more seeds to be had, not {asked.people}, {asked.seeds}"
        )
    show_progress()
    torch.set_num_threads(1)
    found = measure.measured(
        Bench(asked.generator), asked.people, asked.seeds, logging.getLogger(__name__).info
    )
    print(json.dumps(as_json(found), indent=1) if asked.json else as_text(found))
    return int(not all(result.good for result in results(measure.companions(found))))


def as_json(found: Sequence[Found]) -> dict[str, object]:
    """Returns both tables for a program."""
    made = measure.companions(found)
    return {
        "companions": _plain(made),
        "truth": _plain(measure.truths(found)),
        "cuts": {name: _plain(measure.cut_otherwise(found, name)) for name in CUTS},
        "differences": {
            f"{one} - {other}": _plain(measure.difference(found, one, other)) for one, other in _compared()
        },
        "missed": [result.number for result in results(made) if not result.good],
    }


def as_text(found: Sequence[Found]) -> str:
    """Returns both tables for a person."""
    return "\n".join([*_first_table(found), "", *_second_table(found), "", *map(str, _orderings(found))])


def results(made: Mapping[str, Sure]) -> list[Result]:
    """Returns each number with its floor."""
    return [Result(name, sure.value, FLOORS.get(name)) for name, sure in made.items()]


def _first_table(found: Sequence[Found]) -> list[str]:
    made, truth = measure.companions(found), measure.truths(found)
    lines = [f"{'':15}{'companion':>18}{'the truth':>18}  floor"]
    for result in results(made):
        name = result.number
        state = "" if result.floor is None else f"{_said(result.floor):9}{'ok' if result.good else 'missed'}"
        lines.append(f"{name:15}{made[name]!s:>18}{truth[name]!s:>18}  {state}".rstrip())
    return lines


def _second_table(found: Sequence[Found]) -> list[str]:
    columns = {name: measure.cut_otherwise(found, name) for name in CUTS}
    rows = ("identity", "identity_share", "sync_c", "seam", "opening_r", "leak")
    lines = [f"{'':15}" + "".join(f"{TITLES[name]:>18}" for name in CUTS)]
    lines += [f"{row:15}" + "".join(f"{columns[name][row]!s:>18}" for name in CUTS) for row in rows]
    return lines


def _orderings(found: Sequence[Found]) -> list[str]:
    lines = []
    for name, (more, less) in PAPER.items():
        apart = measure.difference(found, more, less)[name]
        lines.append(f"{name}: {TITLES[more]} over {TITLES[less]} by {apart}, {_verdict(apart)}")
    return lines


def _verdict(apart: Sure) -> str:
    """Whether the paper's ordering, in which the difference is above 0, is found here."""
    if abs(apart.value) <= apart.plus_minus:
        return "not told apart here"
    return "as in the paper" if apart.value > 0 else "not as in the paper"


def _compared() -> list[tuple[str, str]]:
    return [("segments", "once"), ("segments", "apart")]


def _said(floor: tuple[float | None, float | None] | float) -> str:
    least, most = floor if isinstance(floor, tuple) else (floor, None)
    return f"<= {most:g}" if most is not None else f">= {least:g}"


def _plain(made: Mapping[str, Sure]) -> dict[str, dict[str, float | None]]:
    """NaN is no JSON."""

    def plain(value: float) -> float | None:
        return round(value, 4) if math.isfinite(value) else None

    return {
        name: {"value": plain(sure.value), "plus_minus": plain(sure.plus_minus)}
        for name, sure in made.items()
    }


if __name__ == "__main__":
    sys.exit(main())
