"""The gates of a promotion: limits that the metrics of each of its checkpoints have to keep.

All of them are here. Those of the procedural world are the aims of the project, where the truth is known. Of clips
psnr_lips is a guess: no editor was measured on real clips yet.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flows.errors import PromotionRefused

NO_NUMBER = math.nan


@dataclass(frozen=True)
class Gate:
    """A limit of one metric of a validation (docs/trainings.md says what each is)."""

    metric: str
    limit: float
    most: bool = False
    """It is the most that passes, not the least."""
    needed: bool = True
    """A validation without the metric doesn't pass."""

    def said(self) -> str:
        """Returns the limit in words: `>= 0.65`."""
        return f"{'<=' if self.most else '>='} {self.limit:g}"


WORLD = (Gate("opening_r", 0.65), Gate("leak", 0.1, most=True), Gate("identity", 0.9))
CLIPS = (
    Gate("psnr_lips", 18.0),
    Gate("opening_r", 0.65, needed=False),
    Gate("leak", 0.1, most=True, needed=False),
)


@dataclass(frozen=True)
class Checked:
    """One gate, one checkpoint."""

    uri: str
    gate: Gate
    value: float | None
    """None where its validation has no such metric."""

    @property
    def passed(self) -> bool:
        """NaN passes nothing."""
        if self.value is None:
            return not self.gate.needed
        return self.value <= self.gate.limit if self.gate.most else self.value >= self.gate.limit


def gates_for(data: str, overrides: Sequence[str] = ()) -> tuple[Gate, ...]:
    """Returns the gates for what was learned from this data, with other limits (`leak=0.2`) where some are given."""
    gates = {gate.metric: gate for gate in (WORLD if data.startswith("world:") else CLIPS)}
    for text in overrides:
        metric, _, limit = text.partition("=")
        if metric not in gates:
            raise PromotionRefused(
                f"there is no gate {metric!r} for {data}; give --gate METRIC=LIMIT of: {', '.join(gates)}"
            )
        gates[metric] = replace(gates[metric], limit=_number(text, limit))
    return tuple(gates.values())


def _number(text: str, limit: str) -> float:
    try:
        number = float(limit)
    except ValueError:
        number = NO_NUMBER
    if not math.isfinite(number):
        raise PromotionRefused(f"--gate {text} names no limit; give a number, as in --gate leak=0.2")
    return number


def check_gates(uri: str, metrics: Mapping[str, float], gates: Sequence[Gate]) -> list[Checked]:
    """Holds one checkpoint's metrics to all gates."""
    return [Checked(uri, gate, metrics.get(gate.metric)) for gate in gates]
