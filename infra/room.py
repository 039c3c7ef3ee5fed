"""What is left of the resources while workers are put in, one after the other, each on one machine.

room = Room(resources)
node = room.place(needs)     # where a worker is to be started; None where no machine has room
"""

from infra.resources import Needs, Resources

TINY = 1e-6


class _Machine:
    """One node, and what is free of it."""

    def __init__(self, id: str, cpus: float, memory_gb: float, gpus: int) -> None:
        self.id, self.cpus, self.memory_gb = id, cpus, memory_gb
        self.gpus = [1.0] * gpus

    def holds(self, needs: Needs) -> bool:
        return (
            needs.cpus <= self.cpus + TINY
            and needs.memory_gb <= self.memory_gb + TINY
            and len(self._fitting(needs.gpus)) >= _devices(needs.gpus)
        )

    def fullest(self, needs: Needs) -> float:
        """Of the devices that hold the share, how much the one that it would go to has left."""
        return min((self.gpus[i] for i in self._fitting(needs.gpus)), default=0.0)

    def take(self, needs: Needs) -> None:
        """The fullest device that still holds the share, so that whole ones stay free."""
        for device in self._fitting(needs.gpus)[: _devices(needs.gpus)]:
            self.gpus[device] -= min(needs.gpus, 1.0)
        self.cpus -= needs.cpus
        self.memory_gb -= needs.memory_gb

    def _fitting(self, share: float) -> list[int]:
        fitting = [i for i, free in enumerate(self.gpus) if free + TINY >= min(share, 1.0)]
        return sorted(fitting, key=self.gpus.__getitem__)


class Room:
    def __init__(self, resources: Resources) -> None:
        self._cpus = resources.cpus
        self._memory_gb = float("inf") if resources.memory_gb is None else resources.memory_gb
        self._machines, gpus = [], resources.gpus
        for node in resources.machines:
            self._machines.append(_Machine(node.id, node.cpus, node.memory_gb, min(gpus, node.gpus)))
            gpus -= min(gpus, node.gpus)

    def place(self, needs: Needs) -> str | None:
        """Put one worker in, on the machine with most free CPUs, or the fullest GPU; that machine, if one has room."""
        if needs.cpus > self._cpus + TINY or needs.memory_gb > self._memory_gb + TINY:
            return None
        holding = [one for one in self._machines if one.holds(needs)]
        if not holding:
            return None
        best = min(holding, key=lambda one: (one.fullest(needs) if needs.gpus else 0.0, -one.cpus))
        self._put(best, needs)
        return best.id

    def take(self, needs: Needs) -> bool:
        """Put one worker in, if it fits."""
        return self.place(needs) is not None

    def occupied(self, needs: Needs, node: str) -> None:
        """A worker is there already; nothing is said of one whose machine has gone."""
        for one in self._machines:
            if one.id == node:
                self._put(one, needs)

    def _put(self, machine: _Machine, needs: Needs) -> None:
        machine.take(needs)
        self._cpus -= needs.cpus
        self._memory_gb -= needs.memory_gb


def _devices(share: float) -> int:
    return int(share) if share > 1 else int(share > 0)
