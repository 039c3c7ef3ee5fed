"""Who is to blame when a worker dies: the items it was at are suspects, and each runs again alone.

An item that is there at the second death, alone, is failed; its neighbours finish as if nothing had been.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.engine import blackbox
from infra.engine.blackbox import LastWords
from infra.engine.jobs import Failed, Work
from infra.quietray import ray, ray_errors

READ_S = 10.0
NODES = 3
"""An item that was on so many machines that went away is suspect of having ended them."""
NOISE = ("/ray/", "infra/engine/worker.py", "Extension modules:")


@dataclass(frozen=True)
class Death:
    words: LastWords | None
    error: str
    """What Ray said."""
    hung: bool
    timeout_s: float

    @property
    def how(self) -> str:
        if self.hung or (self.words and self.words.hung):
            return f"hung: no answer after {self.timeout_s:g} s"
        if "OutOfMemory" in self.error or "memory pressure" in self.error:
            return "the worker was killed for memory"
        cause = (self.words and self.words.cause) or "SIGKILL from outside, or it left by itself"
        return f"the worker died ({cause})"

    @property
    def how_on_item(self) -> str:
        return self.how if self.how.startswith("hung") else f"{self.how} on this item"

    @property
    def detail(self) -> str:
        """The stack without the frames of Ray and of ours, and Ray's report without its guesses."""
        lines = self.words.text.splitlines() if self.words else []
        stack = [line for line in lines if not any(noise in line for noise in NOISE)]
        return "\n".join([*stack, self.error.partition(" Some common causes")[0]]).strip()[:4000]


class Suspects:
    def __init__(self, deaths: int) -> None:
        self._limit = deaths
        self._queue: deque[Work] = deque()
        self._deaths: Counter[str] = Counter()
        self._nodes: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._queue)

    def next(self) -> Work:
        """To be run on a worker that has nothing else."""
        return self._queue.popleft()

    def went_with_nodes(self, works: Sequence[Work]) -> bool:
        """Their machine is gone: not their doing, unless it happens again and again."""
        self._nodes.update(work.id for work in works)
        return any(self._nodes[work.id] >= NODES for work in works)

    def accused(self, works: Sequence[Work], words: LastWords | None) -> list[Work]:
        """What the worker was at, of what it had; all of that, if nobody can tell."""
        return [work for work in works if words is None or work.id in words.ids]

    def accuse(self, accused: Sequence[Work], death: Death) -> Iterator[Failed]:
        for work in accused:
            self._deaths[work.id] += 1
            deaths = self._deaths[work.id]
            if deaths < self._limit or len(accused) > 1:
                self._queue.append(work)
            else:
                yield Failed(work.id, f"{death.how_on_item}, {times(deaths)}", death.detail, deaths)


def node_is_gone(node: str) -> bool:
    """Whether a machine has left the cluster; of one whose name isn't known nobody says so."""
    return bool(node) and all(one["NodeID"] != node or not one["Alive"] for one in ray.nodes())


def last_words(box_path: str, node: str | None) -> LastWords | None:
    """Read the dead worker's black box, here or where it was. None: it is gone with its node."""
    try:
        if node is None or node == ray.get_runtime_context().get_node_id():
            return blackbox.read(box_path)
        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        reader = ray.remote(blackbox.read).options(num_cpus=0, scheduling_strategy=there)
        return ray.get(reader.remote(box_path), timeout=READ_S)
    except (OSError, ray_errors.RayError):
        return None


def times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")
