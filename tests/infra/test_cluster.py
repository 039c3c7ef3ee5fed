"""Starting Ray: ours ends with us, somebody else's is left as it was, and a stray one is never joined."""

import os
import subprocess
import sys

from infra.cluster import start
from infra.profiles import Profile
from infra.quietray import ray

SCRIPT = """
from infra.cluster import start
from infra.profiles import Profile
from infra.quietray import ray

@ray.remote
def threads():
    import os
    return os.environ["OMP_NUM_THREADS"]

with start(Profile(name="test", cpus=1.5, gpus=0)) as resources:
    assert resources.cpus == 1.5 and resources.gpus == 0, resources
    assert ray.get(threads.remote()) == "1"
    with start(Profile(name="inner", cpus=1)):
        pass
    assert ray.is_initialized(), "the inner one did not start it, so it must not end it"
assert not ray.is_initialized()
"""


def test_ours_is_quiet_single_threaded_and_ends_with_us_whatever_ray_address_says():
    strays = os.environ | {"RAY_ADDRESS": "10.255.255.1:6379"}
    strays.pop("OMP_NUM_THREADS", None)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=strays, capture_output=True, text=True, timeout=90
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout + ended.stderr == ""


def test_a_cluster_that_was_there_is_limited_by_the_profile_and_left_running():
    with start(Profile(name="outer", cpus=3, gpus=0)):
        address = ray.get_runtime_context().gcs_address
        script = (
            "from infra.cluster import start\nfrom infra.profiles import Profile\n"
            f"with start(Profile(name='j', ray_address='{address}', cpus=2)) as found: print(found.cpus)"
        )
        joined = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90)
        assert joined.stdout.strip() == "2.0", joined.stderr
        assert ray.cluster_resources()["CPU"] >= 3
