"""Ray, imported with the switches that it reads only once: `from infra.quietray import ray`.

Ray would otherwise report usage, build a second environment for every job under `uv run`, and print a
paragraph on every worker or node that died, which the engine has dealt with by then.
"""

import os

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX",
    "worker died or was killed|killed due to memory|has been marked dead|Raylet is terminated",
)

import ray
from ray import cloudpickle
from ray import exceptions as ray_errors
from ray._private.authentication import authentication_token_setup as ray_tokens

__all__ = ["cloudpickle", "ray", "ray_errors", "ray_tokens"]
