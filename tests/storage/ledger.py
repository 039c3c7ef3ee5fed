"""A small table and its rows, for the storage tests."""

from dataclasses import dataclass
from typing import Any

from storage.catalog import Node, ledger_row
from storage.fingerprint import Made
from storage.rows import Blob


@dataclass(frozen=True)
class Scored:
    id: str
    sharpness: float
    poster: Blob


MADE = Made("scored", 1, {"rate": 5}, {}, ())
NODE = Node("scored", Scored, MADE, ("sources",))


def row(i: int, revision: int = 0, status: Any = "ok", blob: int = 100) -> dict[str, Any]:
    values = {"sharpness": float(i), "poster": bytes([i % 256]) * blob} if status == "ok" else None
    return ledger_row(NODE, f"item{i:06d}", "run", revision=revision, status=status, values=values)


def rows(start: int, stop: int) -> list[dict[str, Any]]:
    return [row(i) for i in range(start, stop)]
