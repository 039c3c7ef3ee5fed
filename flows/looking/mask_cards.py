"""What waits for a person's look at its masks, as cards for a page; how many wait."""

import math
from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from flows.looking.mask_page import Card
from flows.looking.rows import STILL, Shown, blobs, rows_to_show, table_of
from flows.recipes import STAGES
from storage.ledger.catalog import Catalog
from storage.ledger.mask_verdicts import AWAITING, ReviewError, follows
from storage.ledger.newest import newest_fingerprint
from storage.ledger.node import Node
from storage.ledger.rows import row_fields
from storage.ledger.table import Status, latest
from tasks.screen import SEE
from tasks.stage import Expand

NOT_TOLD = ("id", "boxes")
TOLD = (float, int, str, float | None, int | None, list[str], tuple[str, ...])
"""Columns of these types are shown."""
FACT_CHARS = 160


def nodes_of_newest(catalog: Catalog) -> tuple[Node, Node]:
    """The newest rebuild's screen, and the stage whose rows are looked at there."""
    screen = next((name for name, stage in STAGES.items() if follows(stage.Output)), None)
    computed = catalog.computations()
    newest = computed.get(newest_fingerprint(catalog, screen)) if screen else None
    if screen is None or newest is None:
        raise ReviewError(f"no rebuild of {catalog.root} had a screen yet, so there is nothing to look at")
    looked_at = STAGES[screen].may_read()[0]
    return (
        Node(screen, STAGES[screen].Output, newest, (looked_at.name,)),
        Node(looked_at.name, looked_at.Output, computed[newest.upstream[0]], ()),
    )


def awaiting(catalog: Catalog, nodes: Sequence[Node]) -> int:
    """How many clips wait for a verdict; none where no stage asks for one."""
    columns = ["item_id", "parent_id", "revision", "code"]
    waiting = 0
    for node in (n for n in nodes if follows(n.output)):
        rows = latest(catalog.table(node).select(f"fingerprint = '{node.fingerprint}'", columns))
        waiting += pc.sum(pc.equal(rows["code"], AWAITING)).as_py() or 0
    return waiting


def cards_of(catalog: Catalog, everything: bool = False, limit: int = 300) -> list[Card]:
    """What there is to look at, least stable first."""
    screen, masks = nodes_of_newest(catalog)
    found = [item for item in _shown(catalog, screen, everything) if masks.name in item.way]
    facts = _facts(catalog, masks.name, found)
    worst = sorted(range(len(found)), key=lambda n: (_badness(facts[n]), found[n].name))[:limit]
    rows = [Shown(masks.name, found[n].way[masks.name], found[n].way) for n in worst]
    posters = blobs(catalog, rows, STILL)
    return [
        Card(
            found[n].row["item_id"],
            masks.fingerprint,
            found[n].name,
            _said(facts[n]),
            poster,
            (found[n].row["reason"] or "").removesuffix(SEE),
        )
        for n, poster in zip(worst, posters, strict=True)
    ]


def _shown(catalog: Catalog, screen: Node, everything: bool) -> list[Shown]:
    there = set(catalog.table(screen).states(screen.fingerprint)["status"].to_pylist())
    wanted = [s for s in (Status.OK, Status.REJECTED) if s in there and (everything or s is Status.REJECTED)]
    rows = [row for s in wanted for row in rows_to_show(catalog, screen.name, s, limit=10**9)]
    return [row for row in rows if everything or row.row["code"] == AWAITING]


def _facts(catalog: Catalog, stage: str, found: Sequence[Shown]) -> list[dict[str, Any]]:
    """What the stage and those that it reads say about each clip; its stability first."""
    facts: list[dict[str, Any]] = [{"stability": None} for _ in found]
    for spoken in (STAGES[stage], *(up for up in STAGES[stage].may_read() if not issubclass(up, Expand))):
        columns = [c for c, hint in row_fields(spoken.Output).items() if hint in TOLD and c not in NOT_TOLD]
        there = [n for n, item in enumerate(found) if spoken.name in item.way]
        refs = [found[n].way[spoken.name]["_rowid"] for n in there]
        rows = table_of(catalog, spoken.name).read(refs, columns) if refs and columns else []
        for n, row in zip(there, rows, strict=False):
            facts[n] |= {k: v for k, v in row.items() if facts[n].get(k) is None}
    return facts


def _badness(facts: dict[str, Any]) -> float:
    stability = facts["stability"]
    return -math.inf if stability is None or math.isnan(stability) else stability


def _said(facts: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}: {_short(value)}" for name, value in facts.items() if value not in (None, "", []))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= FACT_CHARS else f"{text[:FACT_CHARS]} ..."
