"""Ships a trained editor, and its experts, as the mini ones: measured on strangers, and saved with what was measured.

    python -m models.mini.editor CATALOG/trainings/NAME/step-00001500/weights.safetensors --lip FILE --texture FILE

`redub train structure`, `lip` and `texture` train them. Each expert is measured over the editor and those before it.
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from models.dit.flow import expert_at, schedule
from models.dubbing.request import Settings
from models.dubbing.suited import MINI_SAMPLING, SAMPLING, said_of, settings_of
from models.mini.editor.measure import measured, opened
from models.mini.generator.strangers import FIRST, Stranger, strangers
from models.mini.shipping import PEOPLE, ship_trained, show_progress, trained
from models.weights.about import about
from models.weights.references import MINI


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
            said = trained(f"editor{name and f', {name} expert'}", "pairs of people", "make mini-editor")
            said = said if name else {**said, SAMPLING: said_of(settings)}
            ship_trained(file, out, said, partial(_measured, list(shipped), people, settings))
            shipped.append(str(out))


def _measured(
    before: Sequence[str], people: Sequence[Stranger], settings: Settings, place: str, seed: int
) -> Mapping[str, float]:
    """Measures an editor or an expert over what was shipped before it."""
    editor, *experts = *before, place
    return measured(opened(editor, experts), people, settings, seed)[0]


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
