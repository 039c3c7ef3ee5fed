"""What a machine would compute with: its code, its packages, its weights; asked of every node by `redub doctor`."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from flows.run.git import git_commit
from flows.trained_weights import bring
from models.weights.digests import digest
from models.weights.references import ModelError
from storage.errors import StorageError
from storage.ledger.catalog import Catalog

CODE = ("flows", "tasks", "models", "storage", "infra")


@dataclass(frozen=True)
class NodeFacts:
    commit: str
    """Or the version of the package, outside a checkout."""
    code: str
    """Digest of the Python files: two checkouts of one commit may differ in what was changed since."""
    packages: dict[str, str]
    """Name -> version of Python and of what redub requires, where it is installed."""
    weights: dict[str, str]
    """Reference -> digest."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Reference -> why its weights can't be loaded."""
    catalog: bool = True
    """Whether the tables can be seen; a catalog that isn't there anywhere is seen by nobody."""


def node_facts(references: Sequence[str], catalog: Catalog) -> NodeFacts:
    """Of the machine and the process that this runs in."""
    weights, unreadable = {}, {}
    for one in references:
        try:
            bring(catalog, [one])
            weights[one] = digest(one)
        except (ModelError, StorageError, OSError) as error:
            unreadable[one] = str(error)
    commit = git_commit() or importlib.metadata.version("redub")
    return NodeFacts(commit, _code(), _packages(), weights, unreadable, catalog.exists())


def _code() -> str:
    root, seen = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for part in CODE for path in (root / part).rglob("*.py")):
        seen.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return seen.hexdigest()[:12]


def _packages() -> dict[str, str]:
    required = [Requirement(text) for text in importlib.metadata.requires("redub") or ()]
    found = {"python": platform.python_version()}
    for one in (one for one in required if not one.marker or one.marker.evaluate()):
        try:
            found[one.name] = importlib.metadata.version(one.name)
        except importlib.metadata.PackageNotFoundError:
            found[one.name] = "missing"
    return found
