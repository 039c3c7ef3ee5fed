"""A driver on a local cluster of two nodes, one of which goes: `python -m tests.infra.two_nodes lost|drained FILE`.

It prints the events that say who started, and how it ended.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from infra.launch.driver import launch
from infra.profiles import Profile, Training
from infra.quietray import ray
from tests.infra.counting import Count, count_together

GONE_AFTER = 30
"""Steps, of the hundred that it takes."""


class Losing:
    """Prints, and has the second node go at a step."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self.second = self.cluster.add_node(num_cpus=1)

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("step") == GONE_AFTER:
            getattr(self, self.how)()
        if "step" not in event:
            print(event, flush=True)

    def lost(self) -> None:
        self.cluster.remove_node(self.second, allow_graceful=False)

    def drained(self) -> None:
        """As a cloud says it, half a minute before it takes a machine away."""
        options = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
        options += ["--deadline-remaining-seconds", "30", "--node-id", self.second.node_id]
        command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node"]
        subprocess.run(
            [*command, "--address", self.cluster.address, *options], check=True, capture_output=True
        )


def main(how: str, file: str) -> None:
    losing = Losing(how)
    training = Training(workers=(1, 2), attempts=2)
    profile = Profile(name="two-nodes", ray_address=losing.cluster.address, training=training)
    payload = Count(Path(file), 100, pause_s=0.1)
    try:
        print(launch(profile, count_together, payload, losing, stop=lambda: False), flush=True)
    finally:
        ray.shutdown()
        losing.cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
