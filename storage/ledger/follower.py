"""Follows a table as it grows: what was committed since the last look."""

import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.rows import schema_of
from storage.ledger.table import STATE_COLUMNS, Ledger, Table, latest


class Follower:
    """What was committed since the last look: new fragments only, so a long run stays linear.

    Compaction rewrites old rows into new fragments; stable row ids only ever grow, so a high-water
    mark tells old rows from new ones.
    """

    def __init__(self, table: Table, fingerprint: str) -> None:
        self.table, self.fingerprint = table, fingerprint
        self.seen: set[int] = set()
        self.mark = -1

    def skip_to_now(self) -> None:
        """Only what is committed from here on is new."""
        dataset = self.table.refresh()
        if dataset is None:
            return
        self.seen = {f.fragment_id for f in dataset.get_fragments()}
        rows = dataset.scanner(columns=[], with_row_id=True).to_table()["_rowid"]
        self.mark = pc.max(rows).as_py() if len(rows) else -1

    def new(self) -> pa.Table:
        dataset = self.table.refresh()
        fragments = dataset.get_fragments() if dataset is not None else []
        fragments = [f for f in fragments if f.fragment_id not in self.seen]
        self.seen.update(f.fragment_id for f in fragments)
        if dataset is None or not fragments:
            return _no_states()
        rows = dataset.scanner(
            columns=STATE_COLUMNS,
            filter=f"fingerprint = '{self.fingerprint}'",
            fragments=fragments,
            with_row_id=True,
        ).to_table()
        rows = rows.filter(pc.greater(rows["_rowid"], self.mark))
        if rows.num_rows:
            self.mark = pc.max(rows["_rowid"]).as_py()
        return latest(rows)


def _no_states() -> pa.Table:
    fields = [f for f in schema_of(Ledger) if f.name in STATE_COLUMNS]
    order = [next(f for f in fields if f.name == c) for c in STATE_COLUMNS]
    return pa.schema([*order, pa.field("_rowid", pa.uint64())]).empty_table()
