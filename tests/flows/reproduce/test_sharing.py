"""Several processes that were asked for the same comparison: each does what no other is at."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.reproduce.measuring import Bench
from flows.reproduce.plan import BUDGETS, variants_of
from flows.reproduce.sharing import Elsewhere, shared

HOLD = """
import sys
from pathlib import Path
from flows.reproduce.measuring import Bench
from flows.reproduce.plan import BUDGETS, variants_of
with Bench(Path(sys.argv[1]), 3).alone(variants_of(BUDGETS["small"])[0], 0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_another_is_at_is_passed_over_and_waited_for_at_the_end() -> None:
    done: list[str] = []
    theirs, waits = {"b"}, iter(["c is not there yet", "b is done"])

    def do(one: str) -> bool:
        if one in theirs:
            raise Elsewhere(one)
        done.append(one)
        return True

    def wait() -> None:
        if next(waits) == "b is done":
            done.append("b by the other")

    def left() -> list[str]:
        return [one for one in "abc" if not any(name.startswith(one) for name in done)]

    assert shared(left, do, wait)
    assert done == ["a", "c", "b by the other"]


def test_a_person_who_stops_it_ends_all() -> None:
    assert not shared(lambda: ["a", "b"], lambda one: False, lambda: pytest.fail("nobody is waited for"))


def test_a_measurement_is_made_by_one_process_and_free_when_that_one_is_killed(tmp_path: Path) -> None:
    variants, bench = variants_of(BUDGETS["small"]), Bench(tmp_path, 3)
    running = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout
    try:
        assert running.stdout.readline() == "held\n"
        with pytest.raises(Elsewhere), bench.alone(variants[0], 0):
            pytest.fail("it is held twice")
        with bench.alone(variants[0], 1):
            pass
    finally:
        running.kill()
        running.communicate()
    with bench.alone(variants[0], 0):
        pass
