"""A Ray cluster in token mode on this machine, in a process of its own, whose nodes can be lost and added.

    with TokenCluster(folder) as cluster:
        cluster.add(cpus=2, REDUB_MARK="second")    # what else is in the environment of that node
        cluster.lose()                              # the newest one, at once

The process itself: `python -m tests.infra.token_cluster FOLDER CPUS`; it reads `add JSON` and `lose`, and answers each
with a line.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class TokenCluster:
    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.folder, self._cpus = folder, cpus
        self.home = folder / "home"
        token = self.home / ".ray" / "auth_token"
        token.parent.mkdir(parents=True)
        token.write_text(secrets.token_hex(32))
        self.profile = folder / "cluster.toml"

    @property
    def env(self) -> dict[str, str]:
        """Of who joins: the token lies where Ray looks for it, and nothing else is said."""
        return {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"} | {
            "HOME": str(self.home)
        }

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.infra.token_cluster", str(self.folder), str(self._cpus)]
        self._log = self.folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=self.env | {"RAY_AUTH_MODE": "token"},
            )  # fmt: skip
        self.address = self._answer()
        self.profile.write_text(f"[cluster]\nray_address = '{self.address}'\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)

    def add(self, cpus: int = 2, **env: str) -> str:
        """Another node; its id."""
        return self._say(f"add {json.dumps({'cpus': cpus, 'env': env})}")

    def lose(self) -> str:
        return self._say("lose")

    def _say(self, line: str) -> str:
        assert self._process.stdin
        print(line, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        assert line, f"the cluster has ended: {self._log.read_text()[-3000:]}"
        return line


def main(cpus: int) -> None:
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(
        prefix="r", dir="/tmp", ignore_cleanup_errors=True
    ) as temp:  # a socket's path is short
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "temp_dir": temp})
        nodes = []
        print(cluster.address, flush=True)
        for line in sys.stdin:
            what, _, rest = line.strip().partition(" ")
            if what == "add":
                told = json.loads(rest)
                before = dict(os.environ)
                os.environ.update(told["env"])
                nodes.append(cluster.add_node(num_cpus=told["cpus"]))
                os.environ.clear()
                os.environ.update(before)
            else:
                cluster.remove_node(nodes.pop(), allow_graceful=False)
            print(nodes[-1].node_id if nodes else "none", flush=True)
        cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[2]))
