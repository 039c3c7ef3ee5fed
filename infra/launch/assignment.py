"""What a launch hands to its supervisor, checked before anything is started for it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.cluster import THREADS
from infra.launch.outcome import LaunchError
from infra.profiles import Profile, Training
from infra.quietray import cloudpickle
from infra.resources import Resources

PASSED_ON = ("REDUB_", "NCCL_", "GLOO_", "TORCH_")
"""Settings whose names begin so reach the workers, on whatever node they are."""
PASSED_ON_TOO = ("TMPDIR", "PYTHONPATH")


@dataclass(frozen=True)
class Assignment:
    packed: bytes
    """Function and payload: only workers open them."""
    training: Training
    attempts: int
    folder: str
    """Ray Train wants one for its notes, which nobody reads."""
    environment: dict[str, str]
    drains: bool
    """Whether nodes may be taken away with a warning: not where this machine is all there is."""


def pack(function: Callable[..., Any], payload: Any) -> bytes:
    name = getattr(function, "__qualname__", repr(function))
    if "<" in name or "." in name:
        raise LaunchError(
            f"{name} can't be called on other machines: launch a function of a module's top level"
        )
    try:
        return cloudpickle.dumps((function, payload))
    except Exception as error:
        raise LaunchError(
            f"what {name} is to be called with can't be sent to workers ({error}): "
            "pass names and numbers, and let the workers open files themselves"
        ) from error


def check_room(profile: Profile, there: Resources) -> None:
    training = profile.training
    for what, each, have in (("CPUs", training.cpus, there.cpus), ("GPUs", training.gpus, there.gpus)):
        if training.fewest * each > have:
            raise LaunchError(
                f"profile {profile.name!r} wants {training.fewest} workers with {each:g} {what} each for a "
                f"training, and there are {have:g} {what}: lower workers or {what.lower()} in its table "
                "`training`, or take another profile"
            )


def environment() -> dict[str, str]:
    """Of every worker: many share a machine, so each computes with one thread, unless the user says otherwise."""
    told = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PASSED_ON) or name in PASSED_ON_TOO
    }
    return {name: os.environ.get(name, "1") for name in THREADS} | told
