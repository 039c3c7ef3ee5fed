"""Tells a bootstrap: before it what each step will do, after it what each has made; as a page for Prefect, as JSON."""

from dataclasses import dataclass
from typing import Any

from flows.bootstrapping.asked import TRAINED, Asked
from flows.bootstrapping.fit import planned
from flows.bootstrapping.made import Made, row_of
from flows.bootstrapping.steps import CLIPS, STEPS, VALIDATE, Chain, Step, judged, promotion_of
from flows.terminal.console import duration
from flows.terminal.promoting import plain_checks, plain_promotion
from storage.trainings.reading import newest_of, steps_reached
from tasks.training.recipe import TrainRecipe

MAIN = ("rows", "opening_r", "leak", "identity", "psnr_lips", "psnr_mask", "distance", "loss")
"""The metrics that a table has room for, the most telling first."""
TOLD = 4


@dataclass(frozen=True)
class Outlook:
    """A step before the chain goes on."""

    step: str
    makes: str
    standing: str
    """done: what it made; goes on after a step; or to do."""
    rough: str
    """How long it may take, where the catalog has measured something like it."""


def outlook(chain: Chain) -> list[Outlook]:
    """Computes nothing, and plans only what comes first."""
    return [
        Outlook(step.name, step.makes, _standing(chain, step.name), _rough(chain, step.name))
        for step in STEPS
    ]


def _standing(chain: Chain, step: str) -> str:
    if made := chain.made.get(step):
        return f"done: {made.what}"
    run = chain.asked.run(step) if step in TRAINED else ""
    if run and row_of(chain.catalog, run):
        return f"goes on after step {steps_reached(chain.catalog).get(run, 0)}"
    return "to do"


def _rough(chain: Chain, step: str) -> str:
    if step in chain.made:
        return ""
    if step == CLIPS:
        slowest = planned(chain.asked, chain.asked.clips()).bottleneck
        return f"about {duration(slowest.wall_s)}" if slowest else "?"
    return _as_before(chain, step) if step in TRAINED else "?"


def _as_before(chain: Chain, kind: str) -> str:
    """By an attempt of its own, which has seen the same windows on the same net."""
    newest = newest_of(chain.catalog, chain.asked.run(kind))
    if newest is None or not newest.samples:
        return "?"
    recipe: TrainRecipe = chain.asked.training(kind, f"run:{chain.asked.run('structure')}")
    left = recipe.steps * recipe.batch - newest.samples
    return f"about {duration(left * newest.seconds / newest.samples)}"


def rows_of(chain: Chain) -> list[tuple[str, str, str, str]]:
    """Step, what it made, minutes and main metrics, of all steps."""
    return [(step.name, *_told(chain.made.get(step.name))) for step in STEPS]


def _told(made: Made | None) -> tuple[str, str, str]:
    if made is None:
        return "-", "", ""
    minutes = "" if made.seconds is None else f"{made.seconds / 60:.1f}"
    return made.what, minutes, "; ".join(filter(None, [main_metrics(made), made.note]))


def main_metrics(made: Made) -> str:
    """The first few that it has, of those that tell most."""
    names = [name for name in (*MAIN, *made.metrics) if name in made.metrics]
    return ", ".join(f"{name} {made.metrics[name]:.3g}" for name in list(dict.fromkeys(names))[:TOLD])


def as_plain(asked: Asked, chain: Chain | None, state: str, message: str) -> dict[str, Any]:
    """For JSON. Without a chain it was refused before anybody looked at what is done."""
    told: dict[str, Any] = {"steps": [], "checks": [], "promoted": None}
    if chain is not None:
        told["steps"] = [_plain(step, chain.made.get(step.name)) for step in STEPS]
        if VALIDATE in chain.made:
            told["checks"] = plain_checks(judged(chain))
        if one := promotion_of(chain):
            told["promoted"] = plain_promotion(one)
    return {"bootstrap": asked.name, "catalog": asked.catalog, "state": state, "message": message, **told}


def _plain(step: Step, made: Made | None) -> dict[str, Any]:
    """A step that is still to do has made nothing."""
    found = Made("") if made is None else made
    return {
        "step": step.name, "makes": step.makes, "made": found.what or None, "seconds": found.seconds,
        "metrics": found.metrics, "note": found.note,
    }  # fmt: skip


def page(chain: Chain, end: str) -> str:
    """The chain as Mermaid, which the Prefect UI draws, and the table below it."""
    rows = "\n".join(f"| {' | '.join(one)} |" for one in rows_of(chain))
    return (
        f"# Bootstrap {chain.asked.name}\n\n{end}\n\n{graph(chain)}\n\n| step | made | minutes | metrics |\n"
        f"|---|---|---|---|\n{rows}\n"
    )


def graph(chain: Chain) -> str:
    """Steps that are done are drawn solid."""
    lines = ["    footage([footage])"]
    before = "footage"
    for step in STEPS:
        made = chain.made.get(step.name)
        lines.append(f'    {step.name}["{step.name}<br/>{made.what if made else "not yet"}"]')
        lines.append(f"    {before} {'-->' if made else '-.->'} {step.name}")
        before = step.name
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])
