"""A busy machine, on which Ray takes longer to come up than it gives itself."""

import subprocess
import sys

import pytest

from infra.slow_start import STARTS, StartError, start_patiently

SLOW = """
import time
from types import SimpleNamespace
import ray._private.node as node
from ray._private import services
from infra.cluster import start
from infra.profiles import Profile
from infra.slow_start import _children
from infra.quietray import ray

get_node, asked = services.get_node, []

def slow(*given):
    asked.append(given)
    if len(asked) == 1:
        raise RuntimeError("not there yet")
    return get_node(*given)

services.get_node = slow
jump = iter([0.0, 100.0])
node.time = SimpleNamespace(**vars(time) | {"monotonic": lambda: next(jump, None) or time.monotonic()})
before = _children()
with start(Profile(name="test", cpus=1, gpus=0)) as resources:
    print(resources.cpus, len(asked))
    print(len([one for one in ray.nodes() if one["Alive"]]))
print(_children() - before)
"""


def test_it_is_started_again_and_what_half_came_up_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLOW], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1.0 2", "1", "set()"]


def test_a_machine_on_which_it_never_comes_up_is_told_in_a_sentence() -> None:
    tries = []

    def init() -> None:
        tries.append(1)
        raise Exception("The current node timed out during startup. This could happen because ...")

    with pytest.raises(StartError, match=r"too busy.*try again"):
        start_patiently(init)
    assert len(tries) == STARTS


def test_what_else_goes_wrong_is_not_tried_again() -> None:
    tries = []

    def init() -> None:
        tries.append(1)
        raise ValueError("no such option")

    with pytest.raises(ValueError, match="no such option"):
        start_patiently(init)
    assert len(tries) == 1
