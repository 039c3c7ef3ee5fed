"""How a training went, as one picture: its losses, gradients, rate and pace, and what validations found."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
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
    "norm": "length of the gradient",
    "rate": "rate, as a share of the full one",
    "samples_per_s": "samples a second",
    "mfu": "share of the machine's peak (MFU)",
    "memory": "memory, GB",
}
"""Metric of every step -> its title."""
SMOOTHED = ("loss", "norm", "samples_per_s", "mfu")
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
    known = {"loss", *bins, *OF_STEPS, *NOT_DRAWN}
    of_validations = sorted(name for name in metrics if name not in known)
    by_noise = {name: thinned(smoothed(metrics[name])) for name in bins}
    return [
        _of_steps("loss", "loss", metrics["loss"]),
        Panel("loss by noise level", by_noise, logarithmic=True),
        *(_of_steps(name, OF_STEPS[name], metrics[name]) for name in OF_STEPS if name in metrics),
        *(
            _of_validations(word, list(names), metrics)
            for word, names in groupby(of_validations, _first_word)
        ),
    ]


def _of_steps(name: str, title: str, points: Points) -> Panel:
    """Losses and gradients by their logarithm, all else from zero on."""
    if name == "memory":
        points = [(step, value / GB) for step, value in points]
    rough = {name: thinned(points)}
    if name not in SMOOTHED:
        return Panel(title, rough, from_zero=True)
    smooth = {name: thinned(smoothed(points))}
    logarithmic = name in ("loss", "norm")
    return Panel(title, smooth, logarithmic, not logarithmic, rough)


def _of_validations(word: str, names: list[str], metrics: Mapping[str, Points]) -> Panel:
    """Those whose names begin with the same word are beside each other: psnr_lips and psnr_mask, say."""
    return Panel(names[0] if len(names) == 1 else word, {name: metrics[name] for name in names})


def _first_word(name: str) -> str:
    return name.partition("_")[0]


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
