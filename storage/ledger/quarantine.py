"""Items that raised, hung or killed a worker: a query over the ledgers, and a request to try again."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import Node
from storage.ledger.table import LEDGER, Status, latest, row_key


def held(catalog: Catalog, nodes: Iterable[Node], item: str = "") -> list[dict[str, Any]]:
    """Quarantined rows of the given stages' present settings, whose id starts with `item`."""
    rows = []
    for node in nodes:
        found = catalog.table(node).select(f"fingerprint = '{node.fingerprint}'", LEDGER)
        rows += [
            {"stage": node.name, **row}
            for row in latest(found).to_pylist()
            if row["status"] == Status.QUARANTINED and row["item_id"].startswith(item)
        ]
    return rows


def retry(catalog: Catalog, nodes: Sequence[Node], rows: Sequence[dict[str, Any]], run: str) -> int:
    """Ask the next rebuild to try these items again. History stays: a row is added, none is changed."""
    for node in nodes:
        asked = [_asked(r, run) for r in rows if r["stage"] == node.name]
        catalog.table(node).append(asked)
    return len(rows)


def one(rows: Sequence[dict[str, Any]], item: str) -> dict[str, Any]:
    if not rows:
        raise StorageError(
            f"no quarantined item has an id that starts with {item!r}; `redub quarantine list` shows them"
        )
    if len({r["item_id"] for r in rows}) > 1:
        raise StorageError(
            f"{len(rows)} quarantined items have ids that start with {item!r}; give more of the id"
        )
    return rows[0]


def _asked(row: dict[str, Any], run: str) -> dict[str, Any]:
    revision = row["revision"] + 1
    ledger = {k: v for k, v in row.items() if k in LEDGER}
    return ledger | {
        "key": row_key(row["item_id"], row["parent_id"], row["fingerprint"], revision),
        "status": str(Status.RETRY),
        "revision": revision,
        "reason": "a retry was asked for",
        "run": run,
        "seconds": 0.0,
        "written_at": datetime.now(UTC),
    }
