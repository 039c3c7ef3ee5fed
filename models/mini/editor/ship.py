"""Ships a trained editor, and its experts, as the mini ones: measured on strangers, and saved with what was measured.

    python -m models.mini.editor CATALOG/trainings/NAME/step-00001500/weights.safetensors --lip FILE --texture FILE

`redub train structure`, `lip` and `texture` train them. Each expert is measured over the editor and those before it.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from models.dit.flow import expert_at, schedule
from models.dubbing.request import Settings
from models.dubbing.suited import MINI_SAMPLING, SAMPLING, said_of, settings_of
from models.mini.editor.measure import measured, opened
from models.mini.generator.strangers import FIRST, Stranger, strangers
from models.mini.shipping import over_noises, show_progress
from models.mini.world_pictures import TRAINING
from models.weights.about import about
from models.weights.references import MINI

log = logging.getLogger(__name__)
PEOPLE, SEEDS = 40, (0, 1, 2)
"""Strangers that were used for no choice, and the noises that each is edited from."""

FROM = {
    "licence": "Apache-2.0",
    "trained_on": f"pairs of people of the procedural world, seeds from {TRAINING}; no real footage",
    "command": "make mini-editor",
}


def main() -> None:
    """The command."""
    asked = _parser().parse_args()
    show_progress()
    torch.set_num_threads(1)
    given = {"": asked.weights, "lip": asked.lip, "texture": asked.texture}
    settings = _settings(asked.weights)
    _check_used([name for name, file in given.items() if name and file], settings)
    people = strangers(FIRST, asked.people)
    shipped: list[str] = []
    for name, file in given.items():
        if file is not None:
            out = asked.out / f"editor{name and f'-{name}'}.safetensors"
            what = {"what": f"redub's mini editor{name and f', {name} expert'}", **FROM}
            said = what if name else {**what, SAMPLING: said_of(settings)}
            ship(file, out, said, shipped, people, settings)
            shipped.append(str(out))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--lip", type=Path, help="the lip expert over it")
    parser.add_argument("--texture", type=Path, help="the texture expert over it")
    parser.add_argument("--people", type=int, default=PEOPLE, help="strangers (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=MINI, help="folder (default: %(default)s)")
    return parser


def _settings(weights: Path) -> Settings:
    """What the weights say suits them, else what suits the mini editor."""
    return settings_of(str(weights)) if SAMPLING in about(weights) else MINI_SAMPLING


def _check_used(names: Sequence[str], settings: Settings) -> None:
    """Few steps may pass an expert by: then nothing would be measured of it, and nobody would ever see it."""
    used = {expert_at(t) for t in schedule(settings.steps, settings.shift)[:-1]}
    if unused := [name for name in names if name not in used]:
        raise SystemExit(
            f"{settings.steps} steps at shift {settings.shift:g} have none where the {unused[0]} expert is on; say others "
            'in the weights\' header, "sampling" in "about", as 8 steps at shift 2.5'
        )


def ship(
    file: Path,
    out: Path,
    said: dict[str, Any],
    before: Sequence[str],
    people: Sequence[Stranger],
    settings: Settings,
) -> None:
    """Saves weights in half precision, measures them as they lie there, and saves them with what was measured."""
    saved(file, out, said)
    editor, *experts = *before, str(out)
    net = opened(editor, experts)
    numbers = over_noises([measured(net, people, settings, seed)[0] for seed in SEEDS])
    saved(file, out, {**said, "measured": numbers})
    log.info("%s, %d strangers: %s", out.name, len(people), json.dumps(numbers, indent=1))


def saved(file: Path, out: Path, said: dict[str, Any]) -> None:
    """Saves in half precision; what the file says of itself stays, with what is `said` beside it."""
    with safe_open(file, "pt") as given:
        weights = {key: given.get_tensor(key).half() for key in given.keys()}  # noqa: SIM118
        metadata = dict(given.metadata() or {})
    own = json.loads(metadata.get("about", "{}"))
    save_file(weights, out, {**metadata, "about": json.dumps({**own, **said})})
    out.chmod(0o644)
