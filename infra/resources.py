"""What one worker of a stage takes from the machine, and what there is to take."""

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path

GB = 1e9
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
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


def size(needs: Needs) -> tuple[float, float, float]:
    """To put the large ones in first, which packs best."""
    return needs.gpus, needs.cpus, needs.memory_gb


@dataclass(frozen=True)
class Node:
    """One machine: a worker is on one of them, and takes nothing of another."""

    id: str
    """As Ray calls it."""
    cpus: float
    gpus: int = 0
    memory_gb: float = math.inf
    address: str = ""


@dataclass(frozen=True)
class Resources:
    """What all workers together may take."""

    cpus: float
    gpus: int = 0
    """Whole devices: a worker's share of a GPU always lies on one of them."""
    memory_gb: float | None = None
    """None: memory doesn't limit the number of workers."""
    nodes: tuple[Node, ...] = ()
    """The machines that this is on; none: one that has it all."""

    @property
    def machines(self) -> tuple[Node, ...]:
        return self.nodes or (Node("", self.cpus, self.gpus),)

    def scaled(self, needs: Needs) -> Needs:
        """With the memory of the largest machine, where a worker wants more: it then has that one's memory to itself."""
        most = min(max(node.memory_gb for node in self.machines), self.memory_gb or math.inf)
        return dataclasses.replace(needs, memory_gb=min(needs.memory_gb, most))


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


def memory_here_gb() -> float:
    """Main memory that programs of this machine, or of this container, may have."""
    found = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    for limit in CGROUP_LIMITS:
        text = limit.read_text().strip() if limit.is_file() else ""
        found += [float(text)] if text.isdigit() else []
    return min(found) / GB
