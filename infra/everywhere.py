"""Asks every machine of a cluster that is joined the same question, each by a task of its own.

    with start(profile):
        for node, answer in ask_everywhere(question): ...

The question is a function of a module's top level, so a machine where that code is missing or older says so.
"""

from collections.abc import Callable
from typing import Any

from infra.cluster import look
from infra.profiles import Profile
from infra.quietray import ray, ray_errors
from infra.resources import Node

PATIENCE_S = 600.0
"""Digests of tens of gigabytes are counted where they lie, the first time."""


def ask_everywhere(
    profile: Profile, question: Callable[..., Any], *args: Any, timeout_s: float = PATIENCE_S
) -> list[tuple[Node, Any]]:
    """Every machine with what it answers, or with the error that came in its place."""
    remote = ray.remote(question)
    asked = [(node, _on(remote, node).remote(*args)) for node in look(profile).nodes]
    ray.wait([one for _, one in asked], num_returns=len(asked), timeout=timeout_s)
    return [(node, _answer(one)) for node, one in asked]


def _on(remote: Any, node: Node) -> Any:
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
    return remote.options(num_cpus=0, max_retries=0, scheduling_strategy=there)


def _answer(reference: Any) -> Any:
    try:
        return ray.get(reference, timeout=0)
    except ray_errors.RayTaskError as error:
        return error.cause
    except ray_errors.GetTimeoutError:
        return TimeoutError("no answer in time")
    except ray_errors.RayError as error:
        return error
