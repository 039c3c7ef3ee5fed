"""What one worker of a stage takes from the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """A stage's default; the profile may override any field of it, and none is ever fingerprinted."""

    cpus: float = 1.0
    gpus: float = 0.0
    batch: int = 1
    """Items a worker is handed at once."""
    timeout_s: float = 600.0
    """Seconds one item may take before the watchdog names it and kills the worker."""
