"""A plan as `redub plan --json` gives it: the numbers of the table, and who would refuse the rebuild."""

from typing import Any

from flows.run.planning import Plan, StagePlan


def plain_plan(plan: Plan, profile: str, refusal: str) -> dict[str, Any]:
    slowest = plan.bottleneck
    return {
        "sources": plan.sources,
        "new_sources": plan.new_sources,
        "refused_sources": plan.refused_sources,
        "nothing_to_do": plan.nothing_to_do,
        "profile": profile,
        "bottleneck": slowest.name if slowest else None,
        "seconds": slowest.wall_s if slowest else None,
        "refusal": refusal,
        "stages": [_stage(one) for one in plan.stages],
    }


def _stage(one: StagePlan) -> dict[str, Any]:
    """Hours and bytes are null where nothing was ever measured."""
    return {
        "stage": one.name,
        "compute": one.compute,
        "expected": one.arriving,
        "reused": one.reused,
        "retried": one.retried,
        "held": one.held,
        "cpu_hours": one.hours(one.needs.cpus),
        "gpu_hours": one.hours(one.needs.gpus),
        "bytes": round(one.total * one.measured.bytes) if one.measured else None,
        "workers": one.workers,
        "seconds": one.wall_s,
    }
