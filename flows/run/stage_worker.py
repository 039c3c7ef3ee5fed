"""What travels to a worker process: a stage, and how it reads its rows from the tables there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.recipe_weights import references_in
from flows.run.graph import input_columns
from flows.trained_weights import bring
from infra.engine.jobs import Work
from storage.ledger import mask_verdicts
from storage.ledger.catalog import Catalog
from storage.ledger.node import Node
from storage.ledger.rows import row_fields
from storage.ledger.table import Status
from tasks.stage import Collective, Stage, is_whole


@dataclass
class StageWorker:
    """Travels to a worker process; calling it there loads the stage and gives the batch function."""

    catalog: Catalog
    stage: Stage
    node: Node
    upstream: Sequence[Node]
    """As in `node.upstream`."""
    there: pa.Array | None = None
    """Of a stage that chooses: the items whose earlier answers it is handed."""

    def __call__(self) -> Callable[[list[Work]], list[tuple[str, Any]]]:
        own = len(self.node.reads)
        named = list(zip(self.node.named, self.upstream[own:], strict=True))
        self.columns = input_columns(self.stage, self.upstream[:own], named)
        bring(self.catalog, references_in(self.stage.config))
        self.stage.setup(self.catalog.store)
        return self.run

    def run(self, works: list[Work]) -> list[tuple[str, Any]]:
        known = (self._known() if is_whole(self.stage) else [],) if isinstance(self.stage, Collective) else ()
        results = self.stage(self._load(works), *known)  # type: ignore[operator]
        return [(r.id, r) for r in results]

    def _known(self) -> list[Any]:
        table = self.catalog.table(self.node)
        columns = [c for c in row_fields(self.node.output) if c != "id" and c not in table.blobs]
        states = table.states(self.node.fingerprint)
        kept = pc.equal(states["status"], str(Status.OK))
        if self.there is not None:
            kept = pc.and_(kept, pc.is_in(states["item_id"], value_set=self.there))
        row_ids = states["_rowid"].filter(kept).combine_chunks()
        rows = table.select(f"fingerprint = '{self.node.fingerprint}'", ["item_id", *columns])
        rows = rows.filter(pc.is_in(rows["_rowid"], value_set=row_ids))
        found = rows.drop_columns("_rowid").to_pylist()
        without = dict.fromkeys(table.blobs)
        return [self.node.output(id=row.pop("item_id"), **row, **without) for row in found]

    def _load(self, works: list[Work]) -> list[Any]:
        rows: list[dict[str, Any]] = [{"id": w.id} for w in works]
        for i, up in enumerate(self.upstream):
            if not self.columns[i]:
                continue
            there = [row for row, work in zip(rows, works, strict=True) if work.payload[i] is not None]
            wanted = [work.payload[i] for work in works if work.payload[i] is not None]
            found = self.catalog.table(up).read(wanted, list(self.columns[i].values())) if wanted else []
            for row in rows:
                row.update(dict.fromkeys(self.columns[i]))
            for row, values in zip(there, found, strict=True):
                row.update({name: values[column] for name, column in self.columns[i].items()})
        if mask_verdicts.follows(self.stage.Input):
            verdicts = mask_verdicts.newest(self.catalog, self.upstream[0].fingerprint)
            rows = [row | {mask_verdicts.COLUMN: verdicts.get(row["id"])} for row in rows]
        return [self.stage.Input(**row) for row in rows]
