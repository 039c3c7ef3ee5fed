"""Trainings that torchrun started, on Slurm or for debugging: every process runs the command, and finds its rank here.

torchrun --nproc-per-node=2 -m flows train generator --name NAME ...
"""

import os

from flows.errors import RecipeError


def rank_here() -> int | None:
    """The rank that torchrun gave this process; None where nobody did."""
    return int(os.environ["RANK"]) if {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys() else None


def world_here() -> int:
    """How many processes torchrun started."""
    return int(os.environ["WORLD_SIZE"])


def check_named(run: str) -> None:
    """All processes have to mean one training, and a made name holds the time."""
    if rank_here() is not None and not run:
        raise RecipeError("under torchrun a training needs a name that all processes know: give --name")
