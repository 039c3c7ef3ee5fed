"""Rows that a catalog keeps of its own history: what each fingerprint stands for, and who rebuilt what."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FingerprintRow:
    key: str
    stage: str
    version: int
    config: str
    weights: str
    upstream: list[str]


@dataclass(frozen=True)
class RunRow:
    """Two rows a run: one when it starts, one when it ends; a killed run has only the first."""

    key: str
    run: str
    event: str
    at: datetime
    recipe: str
    profile: str
    sources: str
    flow_run: str
    git_commit: str
    fingerprints: list[str]
    message: str
