"""A small table and its rows, for the storage tests."""

from dataclasses import dataclass
from typing import Any

from storage.ledger.fingerprint import Computation
from storage.ledger.node import Node
from storage.ledger.rows import Blob
from storage.ledger.table import ledger_row


@dataclass(frozen=True)
class Scored:
    id: str
    sharpness: float
    poster: Blob


MADE = Computation("scored", 1, {"rate": 5}, {}, ())
NODE = Node("scored", Scored, MADE, ("sources",))


def row(i: int, revision: int = 0, status: Any = "ok", blob: int = 100) -> dict[str, Any]:
    values = {"sharpness": float(i), "poster": bytes([i % 256]) * blob} if status == "ok" else None
    return ledger_row(NODE, f"item{i:06d}", "run", revision=revision, status=status, values=values)


def rows(start: int, stop: int) -> list[dict[str, Any]]:
    return [row(i) for i in range(start, stop)]
