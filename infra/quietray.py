"""Ray, imported with the switches that it reads only once: `from infra.quietray import ray`.

Ray would otherwise report usage, and under `uv run` build a second environment for every job.
"""

import os

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("DO_NOT_TRACK", "1")

import ray  # noqa: E402 - only after the switches
from ray import cloudpickle  # noqa: E402
from ray import exceptions as ray_errors  # noqa: E402

__all__ = ["cloudpickle", "ray", "ray_errors"]
