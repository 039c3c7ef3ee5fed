"""Starting Ray: ours ends with us, somebody else's is left as it was, and a stray one is never joined."""

import os
import subprocess
import sys

import pytest

from infra.cluster import expected_resources, start
from infra.profiles import Profile, ProfileError
from infra.quietray import ray
from infra.resources import Resources, gpus_here

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
        [sys.executable, "-c", SCRIPT], env=strays, capture_output=True, text=True, timeout=300
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
        joined = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        assert joined.stdout.strip() == "2.0", joined.stderr
        assert ray.cluster_resources()["CPU"] >= 3


@pytest.mark.parametrize(
    ("visible", "counted"),
    [(None, 4), ("0,2", 2), ("", 0), ("-1", 0), ("0,1,2,3,4,5", 4), ("GPU-8f1,GPU-77", 2)],
)
def test_gpus_of_this_machine_are_those_that_programs_may_see(tmp_path, monkeypatch, visible, counted):
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr("infra.resources.DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_here() == counted
    assert expected_resources(Profile(name="here", cpus=2)).gpus == counted
    assert expected_resources(Profile(name="told", cpus=2, gpus=1)).gpus == 1


def test_a_plan_for_a_named_cluster_goes_by_what_that_cluster_has():
    with start(Profile(name="outer", cpus=7, gpus=0)):
        address = ray.get_runtime_context().gcs_address
        script = (
            "from infra.cluster import expected_resources\nfrom infra.profiles import Profile\n"
            f"print(expected_resources(Profile(name='j', ray_address='{address}')).cpus)"
        )
        asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        assert float(asked.stdout) >= 7, asked.stderr
        assert ray.is_initialized()


def test_a_plan_for_a_cluster_that_does_not_answer_is_refused_and_says_what_to_do():
    nowhere = Profile(name="mine", ray_address="127.0.0.1:1")
    with pytest.raises(ProfileError, match=r"does not answer .*: start it .* to plan without it"):
        expected_resources(nowhere)
    with (
        pytest.raises(ProfileError, match=r"runs on the Ray cluster '127.0.0.1:1', which does not answer"),
        start(nowhere),
    ):
        pass
    promised = Profile(name="mine", ray_address="127.0.0.1:1", cpus=256, gpus=32)
    assert expected_resources(promised) == Resources(cpus=256, gpus=32)
