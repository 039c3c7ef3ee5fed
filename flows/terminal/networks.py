"""`redub models inspect` and `bench`: prints which network a checkpoint is for, and what each preset costs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from flows.terminal.console import console, number, size
from models.dit.checkpoint import EXPERT, inspect
from models.dit.cost import SHAPES, Cost, counted, peak_of, timed
from models.dit.flow import EXPERTS
from models.weights.about import about
from models.weights.references import ModelError

SAID = {"licence": "licence", "trained_on": "trained on", "run": "training", "step": "step"}
"""What is printed of what weights say of themselves, and the words for it."""


def print_checkpoint(checkpoint: str) -> bool:
    """Whether it is an expert, or fits a preset whole, or the net that it says it is for."""
    found = inspect(checkpoint)
    files = [found.path] if found.path.is_file() else sorted(found.path.glob("*.safetensors"))
    stored = sum(file.stat().st_size for file in files)
    console.print(
        f"{found.path}: {number(found.tensors)} tensors, {_billions(found.parameters)}, {size(stored)}"
    )
    told = _told(found.path, files)
    if expert := told.get(EXPERT):
        _print_expert(json.loads(expert) if isinstance(expert, str) else expert)
    elif found.fit.whole:
        console.print(f"[green]It is {found.fit.name}[/], every tensor of it.")
    if expert or found.fit.whole:
        for line in (f"{words}: {told[key]}" for key, words in SAID.items() if told.get(key)):
            console.print(line, markup=False, soft_wrap=True)
        return True
    console.print(
        f"[red]It fits no preset.[/] Nearest is {found.fit.name}: {found.fit.said()}", soft_wrap=True
    )
    return False


def _print_expert(expert: dict[str, Any]) -> None:
    low, high = EXPERTS[expert["name"]]
    net = expert["net"]
    console.print(
        f"[green]It is the LoRA expert {expert['name']!r}[/], on at noise levels from {low:g} to {high:g}, rank "
        f"{expert['rank']}, for a net of {net['layers']} blocks of {net['dim']} numbers: [bold]redub dub --expert[/]"
    )


def _told(path: Path, files: list[Path]) -> dict[str, Any]:
    """What a file or folder says of itself; of a folder without a word, its first file that does."""
    return next((said for said in map(about, [path, *files]) if said), {})


def print_costs(names: Sequence[str], device: str) -> None:
    if unknown := sorted(set(names) - set(SHAPES)):
        raise ModelError(f"there is no preset {unknown[0]!r}; there are: {', '.join(SHAPES)}")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    peak = peak_of(device, dtype)
    # What is not run is counted all the same.
    run = names or (list(SHAPES) if device == "cuda" else ["mini"])
    said = str(dtype).removeprefix("torch.")
    console.print(
        f"{device}, {said}, {torch.get_num_threads()} threads: {peak / 1e12:.2f} TFLOP/s in a matrix product\n"
    )
    costs = []
    for name in names or SHAPES:
        with console.status(f"{name} ..."):
            costs.append(timed(name, device, dtype, peak) if name in run else counted(name))
    console.print(_table(costs))


def _table(costs: list[Cost]) -> Any:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("preset", "parameters", "TFLOP", "attention", "time", "of peak", "memory"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for cost in costs:
        table.add_row(
            f"{cost.name}\n[bright_black]{cost.clip}[/]",
            _billions(cost.parameters),
            f"{cost.linear / 1e12:.3g}",
            f"{cost.attention / 1e12:.3g}",
            "not run" if cost.seconds is None else f"{cost.seconds:.2f} s",
            "" if cost.share is None else f"{cost.share:.0%}",
            "" if cost.memory is None else size(cost.memory),
        )
    return table


def _billions(count: int) -> str:
    return f"{count / 1e9:.3f} B" if count > 1e8 else f"{count / 1e6:.2f} M"
