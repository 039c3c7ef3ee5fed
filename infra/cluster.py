"""Starts Ray on this machine, or joins the cluster that the profile names; never a stray one.

    with start(profile) as resources:
        Engine(jobs, resources).run()

A cluster that was there before is left as it was found: the engine ends its own actors only.
"""

import logging
import math
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.profiles import Profile, ProfileError
from infra.quietray import ray
from infra.ray_token import give_token
from infra.resources import Resources, cpus_here, gpus_here

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SPARE_CPUS = 2
"""Ray's own count is larger than ours by this: actors that fill it to the brim wait for each other."""
ANSWER_S = 5.0
"""So long a named cluster may take to answer at all."""
LONGEST_TEMP = 40
"""Ray puts sockets under its folder, and a socket's path may have 107 characters."""


@contextmanager
def start(profile: Profile) -> Iterator[Resources]:
    """Resources for the engine, as long as the cluster is up."""
    ours = not ray.is_initialized()
    if ours:
        _join(profile) if profile.ray_address else _start_here(profile)
    try:
        yield _resources(profile)
    finally:
        if ours:
            ray.shutdown()


def expected_resources(profile: Profile) -> Resources:
    """What `start` will give the engine, without starting anything: a cluster that is named is asked, if need be."""
    if profile.cpus is not None and profile.gpus is not None:
        return Resources(profile.cpus, profile.gpus, profile.memory_gb)
    if not profile.ray_address:
        gpus = gpus_here() if profile.gpus is None else profile.gpus
        return Resources(_cpus(profile), gpus, profile.memory_gb)
    try:
        with start(profile) as resources:
            return resources
    except ProfileError as error:
        raise ProfileError(f"{error}; or set cpus and gpus in the profile, to plan without it") from error


def _join(profile: Profile) -> None:
    """Whoever is not there is told as such: where nobody answers, Ray ends this process without a word."""
    address = str(profile.ray_address)
    host, _, port = address.rpartition(":")
    try:
        if port.isdigit():
            socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), ANSWER_S).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except OSError as error:  # Ray's ConnectionError is one
        raise ProfileError(
            f"profile {profile.name!r} runs on the Ray cluster {address!r}, which does not answer ({error}): start it "
            "(`redub doctor` says how), or take another profile"
        ) from error


def _start_here(profile: Profile) -> None:
    """Many processes share the machine, so each computes with one thread. A head that died here does not
    come back, as one in a large cluster may: ten seconds of waiting for it are enough."""
    for name in THREADS:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "10")
    give_token()
    options: dict[str, Any] = {}
    if len(tempfile.gettempdir()) > LONGEST_TEMP:
        options["_temp_dir"] = f"/tmp/ray-{os.getuid()}"  # noqa: S108 - short is what matters; owned by us
    if profile.gpus is not None:
        options["num_gpus"] = profile.gpus
    ray.init(
        address="local",
        num_cpus=math.ceil(_cpus(profile)) + SPARE_CPUS,
        object_store_memory=profile.object_store_mb << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        **options,
    )


def _cpus(profile: Profile) -> float:
    return profile.cpus if profile.cpus is not None else float(cpus_here())


def _resources(profile: Profile) -> Resources:
    """What the profile allows, and never more than the cluster has."""
    there = ray.cluster_resources()
    limit = _cpus(profile) if profile.cpus is not None or not profile.ray_address else math.inf
    gpus = int(there.get("GPU", 0))
    return Resources(
        cpus=min(limit, there.get("CPU", 0.0)),
        gpus=gpus if profile.gpus is None else min(profile.gpus, gpus),
        memory_gb=profile.memory_gb,
    )
