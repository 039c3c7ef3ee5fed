"""Rows of trainings. They are only ever added, so a later row of the same run or step says what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.ledger.rows import Json

TRAININGS, CHECKPOINTS, METRICS, SKIPPED = "trainings", "checkpoints", "metrics", "skipped"
"""Names of the tables."""

STARTED, FINISHED, STOPPED, FAILED, DROPPED = "started", "finished", "stopped", "failed", "dropped"
"""Events of a training. `stopped`: a person cancelled it, and it can be resumed."""
WRITTEN = "written"
"""Event of a checkpoint, which is `dropped` later or never."""


@dataclass(frozen=True)
class Setup:
    """What is known of a training when it starts."""

    run: str
    kind: str
    """generator, syncnet, ..."""
    recipe: Mapping[str, Any]
    """With every reference pinned (flows/trained_weights.py)."""
    data: str
    """A version ("v3"), or people of the procedural world ("world:people=1600")."""
    data_digest: str = ""
    """The version's `content`; empty where the data is not a version."""
    parents: Sequence[str] = ()
    """Each network that it loads or begins from, and its digest: "mini:vae 12ab..."."""
    init: str = ""
    """The reference whose weights it begins from; empty: from random ones."""
    git_commit: str = ""
    profile: str = ""
    world: int = 1
    """Workers."""
    flow_run: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try of a training, from a start or a resume until it ends or is killed. Its rows carry the number."""

    run: str
    number: int


@dataclass(frozen=True)
class TrainingRow:
    """Two rows an attempt: one when it starts, one when it ends; a killed one has only the first."""

    key: str
    run: str
    attempt: int
    event: str
    at: datetime
    kind: str
    recipe: Json
    data: str
    data_digest: str
    parents: list[str]
    init: str
    git_commit: str
    profile: str
    world: int
    flow_run: str
    message: str


@dataclass(frozen=True)
class CheckpointRow:
    key: str
    run: str
    attempt: int
    event: str
    step: int
    samples: int
    epoch: float
    at: datetime
    uri: str
    """Its folder, from the catalog's root."""
    digest: str
    """sha256 of weights.safetensors."""
    metrics: Json
    seconds: float
    device_hours: float
    best: bool
    """Whether no earlier checkpoint of the run was better."""
    kept: bool
    message: str


@dataclass(frozen=True)
class MetricRow:
    key: str
    run: str
    attempt: int
    step: int
    name: str
    value: float
    at: datetime


@dataclass(frozen=True)
class SkippedRow:
    """A step whose batch was left out, since its gradients were not finite or its samples could not be read."""

    key: str
    run: str
    attempt: int
    step: int
    ids: list[str]
    reason: str
    at: datetime


@dataclass(frozen=True)
class Written:
    """A checkpoint as the training that wrote its files knows it."""

    step: int
    samples: int
    epoch: float
    digest: str
    """sha256 of weights.safetensors."""
    seconds: float
    """Of training so far, all attempts together."""
    device_hours: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The first one is that by which `best` goes."""
    best: bool = False
