"""The calls that the Prefect UI makes, and what of a run's processes is still there."""

import json
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BUSY = 4
"""How many times as long a machine may take that has other tests to run."""


class Api:
    """The calls that the Prefect UI makes."""

    def __init__(self, base: str, env: dict[str, str]) -> None:
        self.base, self.env = base, env

    def __call__(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}{path}", data, {"Content-Type": "application/json"})
        for _ in range(10):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as error:
                if error.code != 503:  # the server's SQLite is busy: its clients ask again
                    raise
                time.sleep(1)
        raise TimeoutError(f"{path}: the server stayed busy")

    def trigger(self, deployment: str, flow: str = "rebuild", **parameters: Any) -> str:
        found = self(f"/deployments/name/{flow}/{deployment}")
        return self(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]

    def state(self, run: str) -> tuple[str, str]:
        state = self(f"/flow_runs/{run}")["state"]
        return state["type"], state["message"] or ""

    def wait(self, run: str, *wanted: str, seconds: float = 120) -> tuple[str, str]:
        return until(
            lambda: s if (s := self.state(run))[0] in wanted else None, seconds, lambda: self.state(run)
        )

    def run_of(self, artifact: str) -> str:
        """The run that last sent what has this key; empty when none did."""
        found = self("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [artifact]}}})
        return found[0]["flow_run_id"] if found else ""

    def artifacts(self, run: str) -> dict[str, Any]:
        found = self("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {a["key"]: a for a in found}


def many_from(corpus: Path, folder: Path, many: int) -> None:
    """Many different files from two: a box that players skip, with a number in it, at the end.

    But for the first they end at the verdict, since large models would only make a test longer.
    """
    folder.mkdir()
    good, frozen = (next(corpus.glob(name)).read_bytes() for name in ("world*.mp4", "bad_frozen.mp4"))
    for i in range(many):
        (folder / f"{i:04d}.mp4").write_bytes((frozen if i else good) + struct.pack(">I4sQ", 16, b"free", i))
    (folder / "manifest.csv").write_text(
        "\n".join(["uri,licence,consent", *(f"{i:04d}.mp4,CC0,drawn" for i in range(many))])
    )


def processes(having: str) -> Iterator[tuple[int, str]]:
    """Those in whose environment this stands: which of them, and their commands."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text().replace("\0", " ")
            environ = (entry / "environ").read_text(errors="replace")
        except OSError:
            continue
        if having in environ:
            yield int(entry.name), command


def ray_processes(tmp_path: Path) -> list[str]:
    """Ray's processes that descend from this test's worker: they have its Prefect home."""
    found = processes(str(tmp_path.parent))
    return [command[:80] for _, command in found if "ray::" in command or "raylet" in command]


def until(check: Callable[[], Any], seconds: float, tell: Callable[[], Any]) -> Any:
    end = time.monotonic() + BUSY * seconds
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.5)
    pytest.fail(f"not within {BUSY * seconds} s: {tell()}")
