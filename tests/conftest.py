"""Quiet libraries, and a Prefect home of the tests' own, before anything imports them."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="redub-prefect-"))

from flows import environment

environment.prepare()


OURS = tuple(
    str(Path(environment.__file__).parents[1] / one)
    for one in ("flows", "infra", "models", "storage", "tasks")
)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No thread of the project's is left: one in compiled code crashes the process when that ends (status 134 or 139)."""
    left = [one for one in threading.enumerate() if one is not threading.current_thread() and _is_ours(one)]
    if left:
        sys.stderr.write(f"\nthreads that are still at work: {', '.join(one.name for one in left)}\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_ours(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame and not frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame is not None


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For what is computed by torch and compared: the same sums in the same order, and no fight for two cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
