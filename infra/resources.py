"""What one worker of a stage takes from the machine, and what there is to take."""

import os
from dataclasses import dataclass
from pathlib import Path

DEVICES = Path("/dev")
"""Where the driver makes a file for each GPU."""


@dataclass(frozen=True)
class Needs:
    """A stage's default; the profile may override any field of it, and none is ever fingerprinted."""

    cpus: float = 1.0
    gpus: float = 0.0
    batch: int = 1
    """Items a worker is handed at once."""
    timeout_s: float = 600.0
    """Seconds one item may take before the watchdog names it and kills the worker."""
    memory_gb: float = 0.0
    """Main memory of one worker; 0 leaves it out of the sum."""


@dataclass(frozen=True)
class Resources:
    """What all workers together may take."""

    cpus: float
    gpus: int = 0
    """Whole devices: a worker's share of a GPU always lies on one of them."""
    memory_gb: float | None = None
    """None: memory doesn't limit the number of workers."""


def cpus_here() -> int:
    return os.cpu_count() or 1


def gpus_here() -> int:
    """NVIDIA GPUs of this machine that programs may see, as Ray counts them."""
    devices = len(list(DEVICES.glob("nvidia[0-9]*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return devices
    named = [name for name in visible.split(",") if name.strip() and name.strip() not in ("-1", "NoDevFiles")]
    return min(devices, len(named))


class Room:
    """What is left of the resources while workers are put in, one after the other."""

    def __init__(self, resources: Resources) -> None:
        self._cpus = resources.cpus
        self._memory_gb = float("inf") if resources.memory_gb is None else resources.memory_gb
        self._gpus = [1.0] * resources.gpus

    def take(self, needs: Needs) -> bool:
        """Put one worker in, if it fits."""
        tiny = 1e-6
        if needs.cpus > self._cpus + tiny or needs.memory_gb > self._memory_gb + tiny:
            return False
        devices = self._devices(needs.gpus, tiny)
        if devices is None:
            return False
        for device in devices:
            self._gpus[device] -= min(needs.gpus, 1.0)
        self._cpus -= needs.cpus
        self._memory_gb -= needs.memory_gb
        return True

    def _devices(self, share: float, tiny: float) -> list[int] | None:
        """The fullest device that still holds the share, so that whole ones stay free; None: no room."""
        count = int(share) if share > 1 else int(share > 0)
        fitting = [i for i, free in enumerate(self._gpus) if free + tiny >= min(share, 1.0)]
        fitting.sort(key=self._gpus.__getitem__)
        return fitting[:count] if len(fitting) >= count else None
