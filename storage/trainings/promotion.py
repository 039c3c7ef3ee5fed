"""Promotions: which editor, with which experts, a catalog dubs with, and what it was before. Rows are only ever added.

<catalog>/promotions.lance                    a row each time; the newest one counts
<catalog>/promotions/DIGEST.safetensors       the weights that a row names

The weights are copied: a training that goes on removes what is neither among its newest checkpoints nor its best, and
knows no catalog; `redub runs drop` removes them all. A copy outlasts both, so that an older promotion can come back.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.ledger.catalog import Catalog
from storage.ledger.rows import Json
from storage.trainings.names import WEIGHTS, checkpoint_place
from storage.trainings.reading import Checkpoint
from storage.trainings.weights import bring_file, copied

PROMOTIONS = "promotions"
"""Name of the table, and of the folder beside it."""


@dataclass(frozen=True)
class Promoted:
    """One checkpoint of a promotion."""

    run: str
    step: int
    kind: str
    """structure, lip or texture."""
    digest: str
    """sha256 of its weights."""
    metrics: Json = "{}"
    """Of its validation: what it was judged by."""

    @property
    def uri(self) -> str:
        """Its reference, as a recipe would name it."""
        return f"run:{self.run}@{self.step}"

    @property
    def measured(self) -> Mapping[str, float]:
        """Its metrics by name."""
        return dict(json.loads(self.metrics))


@dataclass(frozen=True)
class PromotionRow:
    key: str
    at: datetime
    git_commit: str
    editor: Promoted
    experts: list[Promoted]
    data: str
    data_digest: str
    sampling: Json
    gates: Json
    reason: str


@dataclass(frozen=True)
class Promotion:
    """An editor that was promoted, with all that was known of it then."""

    editor: Promoted
    at: datetime
    experts: tuple[Promoted, ...] = ()
    data: str = ""
    """What the editor learned from: a version, or people of the procedural world."""
    data_digest: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Settings that suit the editor."""
    gates: Mapping[str, float] = field(default_factory=dict)
    """Limits that its metrics were held to."""
    reason: str = ""
    """Why it was promoted although a gate was not passed; empty where all were."""
    git_commit: str = ""

    @property
    def all(self) -> tuple[Promoted, ...]:
        """The editor and its experts."""
        return self.editor, *self.experts

    @property
    def digests(self) -> tuple[str, ...]:
        """What tells it from another one."""
        return self.editor.digest, *sorted(one.digest for one in self.experts)


def of_checkpoint(one: Checkpoint, kind: str) -> Promoted:
    """Returns a checkpoint as a promotion names it."""
    return Promoted(one.run, one.step, kind, one.digest, json.dumps(one.metrics))


def promotions(catalog: Catalog) -> list[Promotion]:
    """Returns all of them, newest last."""
    return [_promotion(row) for row in catalog.read(PROMOTIONS)]


def promoted(catalog: Catalog) -> Promotion | None:
    """Returns the one that counts."""
    return next(reversed(promotions(catalog)), None)


def write_promotion(catalog: Catalog, promotion: Promotion) -> None:
    """Copies the weights, then adds the row."""
    for one in promotion.all:
        _keep(catalog, one)
    values = asdict(promotion) | {
        name: json.dumps(getattr(promotion, name)) for name in ("sampling", "gates")
    }
    row = {**values, "editor": promotion.editor, "experts": list(promotion.experts)}
    key = f"{promotion.editor.digest[:12]}.{promotion.at:%Y%m%d-%H%M%S-%f}"
    catalog.insert(PROMOTIONS, PromotionRow, [PromotionRow(key=key, **row)])


def bring_promoted(catalog: Catalog, one: Promoted, into: Path) -> Path:
    """Returns the file of its weights on this machine; from an object store it is copied below `into`, once."""
    uri = _uri(catalog, one.digest)
    return Path(uri) if "://" not in uri else bring_file(catalog, uri, one.digest, into) / WEIGHTS


def _uri(catalog: Catalog, digest: str) -> str:
    return f"{catalog.root}/{PROMOTIONS}/{digest}.safetensors"


def _keep(catalog: Catalog, one: Promoted) -> None:
    """Whole or not at all, and checked; what is there already is not looked for again."""
    fs, path = catalog.store.filesystem(_uri(catalog, one.digest))
    if fs.exists(path):
        return
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    part = f"{path}.{os.getpid()}"
    try:
        with fs.open(part, "wb") as target:
            copied(
                catalog, f"{catalog.root}/{checkpoint_place(one.run, one.step)}/{WEIGHTS}", one.digest, target
            )
        fs.mv(part, path)
    finally:
        if fs.exists(part):
            fs.rm(part)


def _promotion(row: Mapping[str, Any]) -> Promotion:
    values = {name: row[name] for name in Promotion.__dataclass_fields__}
    read = {
        "editor": Promoted(**row["editor"]), "experts": tuple(Promoted(**one) for one in row["experts"]),
        "sampling": json.loads(row["sampling"]), "gates": json.loads(row["gates"]),
    }  # fmt: skip
    return Promotion(**values | read)
