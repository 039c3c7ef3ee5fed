"""One local Ray for all tests of this folder: starting it takes seconds."""

import pytest

from infra.cluster import start
from infra.profiles import Profile


@pytest.fixture(scope="package")
def resources():
    with start(Profile(name="test", cpus=4, gpus=0)) as found:
        yield found
