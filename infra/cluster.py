"""Starts Ray on this machine, or joins the cluster that the profile names; never a stray one.

    with start(profile) as resources:
        Engine(jobs, resources).run()

A cluster that was there before is left as it was found: the engine ends its own actors only.
"""

import logging
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from infra.join import join
from infra.profiles import Profile, ProfileError
from infra.quietray import ray
from infra.ray_shutdown import shut_down
from infra.ray_token import give_token
from infra.resources import GB, Node, Resources, cpus_here, gpus_here, memory_here_gb
from infra.slow_start import start_patiently

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SPARE_CPUS = 2
"""Ray's own count is larger than ours by this: actors that fill it to the brim wait for each other."""
LEAST_MEMORY_GB = 0.5
"""A machine with less will do what it can."""
LONGEST_TEMP = 40
"""Ray puts sockets under its folder, and a socket's path may have 107 characters."""


@contextmanager
def start(profile: Profile) -> Iterator[Resources]:
    """Resources for the engine, as long as the cluster is up."""
    ours = not ray.is_initialized()
    if ours:
        join(profile) if profile.ray_address else _start_here(profile)
    try:
        yield look(profile)
    finally:
        if ours:
            shut_down()


def look(profile: Profile) -> Resources:
    """What the profile allows, and never more than the cluster has now."""
    there = tuple(_node(one) for one in ray.nodes() if one["Alive"])
    limit = _cpus(profile) if profile.cpus is not None or not profile.ray_address else math.inf
    gpus = sum(node.gpus for node in there)
    return Resources(
        cpus=min(limit, sum(node.cpus for node in there)),
        gpus=gpus if profile.gpus is None else min(profile.gpus, gpus),
        memory_gb=profile.memory_gb,
        nodes=there,
    )


def expected_resources(profile: Profile) -> Resources:
    """What `start` will give the engine, without starting anything: a cluster that is named is asked, if need be."""
    if profile.cpus is not None and profile.gpus is not None:
        return Resources(profile.cpus, profile.gpus, profile.memory_gb)
    if not profile.ray_address:
        gpus = gpus_here() if profile.gpus is None else profile.gpus
        here = Node("", _cpus(profile) + SPARE_CPUS, gpus, _memory_for_workers_gb(profile))
        return Resources(_cpus(profile), gpus, profile.memory_gb, (here,))
    try:
        with start(profile) as resources:
            return resources
    except ProfileError as error:
        raise ProfileError(f"{error}; or set cpus and gpus in the profile, to plan without it") from error


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
    start_patiently(
        partial(
            ray.init,
            address="local",
            num_cpus=math.ceil(_cpus(profile)) + SPARE_CPUS,
            object_store_memory=profile.object_store_mb << 20,
            _memory=int(_memory_for_workers_gb(profile) * GB),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )
    )


def _cpus(profile: Profile) -> float:
    return profile.cpus if profile.cpus is not None else float(cpus_here())


def _node(told: dict[str, Any]) -> Node:
    """As Ray tells it; a machine that has nothing to give has no `CPU` at all."""
    has = told["Resources"]
    memory_gb = has.get("memory", 0.0) / GB
    return Node(
        told["NodeID"], has.get("CPU", 0.0), int(has.get("GPU", 0)), memory_gb, told["NodeManagerAddress"]
    )


def _memory_for_workers_gb(profile: Profile) -> float:
    """All but a tenth, and what lies in the object store."""
    return max(0.9 * memory_here_gb() - profile.object_store_mb * (1 << 20) / GB, LEAST_MEMORY_GB)
