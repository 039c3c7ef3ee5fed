"""Quiet libraries, and a Prefect home of the tests' own, before anything imports them."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="redub-prefect-"))

from flows import environment

environment.prepare()

ALONE = ("chaos", "flows", "infra")
"""Folders whose tests start Ray and Prefect, or look at which processes there are."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two processes (`make test`) one has those of `ALONE`, one after the other; the rest go file by file."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = "alone" if folder in ALONE else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
