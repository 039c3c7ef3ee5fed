"""How a training went, as one picture: its losses, gradients, rate and pace, and what validations found."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.drawing.plot import Panel, plot
from storage.ledger.catalog import Catalog
from storage.media.images import encode_png
from storage.trainings.names import run_uri
from storage.trainings.reading import metrics_of
from tasks.training.validating import SAMPLES

Points = Sequence[tuple[int, float]]
NAME = "curves.png"
MOST = 600
"""Points of a curve: more than pixels."""
OF_STEPS = {
    "norm": ("length of the gradient", True),
    "rate": ("rate, as a share of the full one", False),
    "samples_per_s": ("samples a second", False),
    "mfu": ("share of the machine's peak (MFU)", False),
    "memory": ("memory, GB", False),
}
"""Metric of every step -> its title, and whether it is drawn by its logarithm."""
NOT_DRAWN = ("seconds", "waited")
GB = 1e9


@dataclass(frozen=True)
class Seen:
    """What there is to look at of a training; '' for what is not there."""

    curves: str
    newest_samples: str


def draw_curves(catalog: Catalog, run: str) -> bytes | None:
    """PNG; None where no step is known yet."""
    panels = panels_of(metrics_of(catalog, run))
    return encode_png(plot(panels)) if panels else None


def keep_curves(catalog: Catalog, run: str) -> Seen:
    """Draws them into the training's folder, and finds the newest samples there."""
    picture, uri = draw_curves(catalog, run), f"{run_uri(catalog, run)}/{NAME}"
    if picture is not None:
        fs, path = catalog.store.filesystem(uri)
        fs.pipe_file(path, picture)
    return Seen(uri if picture else "", newest_samples(catalog, run))


def newest_samples(catalog: Catalog, run: str) -> str:
    """The place of the last validation's video, or of its picture where it has none."""
    uri = f"{run_uri(catalog, run)}/{SAMPLES}"
    fs, path = catalog.store.filesystem(uri)
    names = [Path(one).name for one in fs.ls(path, detail=False)] if fs.exists(path) else []
    newest = max(names, key=lambda name: (name.partition("-")[0], name.endswith(".mp4")), default="")
    return f"{uri}/{newest}" if newest else ""


def panels_of(metrics: Mapping[str, Points]) -> list[Panel]:
    """One for the loss, one for its noise bins, one for each other number of a step, one for each of validations."""
    if not metrics.get("loss"):
        return []
    bins = sorted(name for name in metrics if name.startswith("loss_"))
    of_steps = [_smooth(OF_STEPS[name], {name: metrics[name]}) for name in OF_STEPS if name in metrics]
    others = [
        name for name in metrics if name not in {"loss", *bins, *OF_STEPS, *NOT_DRAWN}
    ]  # what only validations tell
    return [
        _smooth(("loss", True), {"loss": metrics["loss"]}),
        _smooth(("loss by noise level", True), {name: metrics[name] for name in bins}, faint=False),
        *of_steps,
        *(Panel(name, {name: thinned(metrics[name])}) for name in others),
    ]


def _smooth(said: tuple[str, bool], curves: Mapping[str, Points], faint: bool = True) -> Panel:
    title, logarithmic = said
    scaled = {
        name: [(step, value / GB) for step, value in points] if name == "memory" else points
        for name, points in curves.items()
    }
    behind = {name: thinned(points) for name, points in scaled.items()} if faint else None
    return Panel(title, {name: thinned(smoothed(one)) for name, one in scaled.items()}, logarithmic, behind)


def smoothed(points: Points) -> Points:
    """Means over as many steps as make a thirtieth of the training, each mean over steps up to its own."""
    points = [(step, value) for step, value in points if math.isfinite(value)]
    over = max(1, len(points) // 30)
    total, made = 0.0, []
    for number, (step, value) in enumerate(points):
        total += value - (points[number - over][1] if number >= over else 0.0)
        made.append((step, total / min(number + 1, over)))
    return made


def thinned(points: Points) -> Points:
    """Every so many of them, and the last."""
    every = -(-len(points) // MOST)
    kept: Iterable[tuple[int, float]] = points[::every]
    return [*kept, *([points[-1]] if points and (len(points) - 1) % every else [])]
