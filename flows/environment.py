"""Settings of the libraries underneath, made before they are imported: quiet, local, no tracking.

Each is a default: what the user's environment says stays.
"""

import os
import warnings
from pathlib import Path

DATA = Path("redub-data")
"""Everything that the embedded defaults write is in this folder; remove it to start afresh."""

RECIPE = "real"
"""What a rebuild computes where nothing else is said; flows/recipes.py has all there are."""

DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLI_PROMPT": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "LANCE_LOG": "error",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONWARNINGS": "ignore:lance is not fork-safe:UserWarning",
}


def prepare(prefect_log_level: str = "CRITICAL") -> None:
    """Prefect keeps its runs beside the data, unless the user has a Prefect of their own. Writes nothing."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", prefect_log_level)
    # It warns at every fork; the ones here (git, Ray, the server) run another program at once.
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    if "PREFECT_API_URL" not in os.environ:
        os.environ.setdefault("PREFECT_HOME", str((DATA / "prefect").resolve()))


def make_prefect_home() -> None:
    """Before Prefect starts a server here: where the folder is missing, that restarts for minutes."""
    if "PREFECT_HOME" in os.environ:
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
