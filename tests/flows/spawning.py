"""A flow that starts a process as Ray, torch and multiprocessing do, deployed beside the product's own by test_server."""

import inspect
import multiprocessing
import sys
import sysconfig
from pathlib import Path

from prefect import flow

FOLDERS = {str(Path(__file__).parent), str(Path(__file__).parents[2] / "flows")}


@flow(name="spawning")
def spawning() -> None:
    """Completes if a spawned child finds the standard library in its own place."""
    child = multiprocessing.get_context("spawn").Process(target=look)
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"the spawned process ended with {child.exitcode}; it inherited {sys.path}")


def look() -> None:
    assert not FOLDERS & set(sys.path), sys.path
    assert Path(inspect.__file__).is_relative_to(sysconfig.get_path("stdlib")), inspect.__file__
