"""Quiet libraries, and a Prefect home of the tests' own, before anything imports them."""

import os
import tempfile
from collections.abc import Iterator

import pytest

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="redub-prefect-"))

from flows import environment

environment.prepare()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For what is computed by torch and compared: the same sums in the same order, and no fight for two cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
