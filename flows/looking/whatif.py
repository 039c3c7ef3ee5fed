"""Says what other limits would make of the pairs that are scored: how many more or fewer, which, and how they look.

Asks the stored scores of the newest rebuild, by the function that `pairverdict` itself decides by, so no video is
opened and a rebuild with these limits decides the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.looking.pair_limits import changed, limits_now
from flows.looking.rows import STILL, blobs, rows_of_items, table_of
from flows.looking.scored_pairs import BINS, occluders_of, scored_pairs, speakers_of, yaws_of
from storage.drawing.contact_sheet import contact_sheet
from storage.ledger.catalog import Catalog
from storage.ledger.newest import newest_fingerprints
from tasks.pairscores import PairScores
from tasks.pairverdict import LIMITS, accepted, limited

SHOWN, COLUMNS, WIDTH = 60, 5, 320
"""Cards on a sheet, cards in a row, and pixels they are wide at least."""


@dataclass(frozen=True)
class Group:
    """Pairs that have something in common."""

    name: str
    before: int
    after: int
    gained: int
    lost: int


@dataclass(frozen=True)
class WhatIf:
    """What other limits make of the scored pairs."""

    limits: dict[str, tuple[float | None, float | None]]
    """Score -> the newest rebuild's limit and the one that is asked about, where they differ."""
    pairs: int
    """That are scored."""
    before: int
    """That are accepted by the newest rebuild's limits."""
    after: int
    gained: tuple[str, ...]
    """Clips whose pairs come in."""
    lost: tuple[str, ...]
    """Clips whose pairs go out."""
    by_speaker: tuple[Group, ...]
    """Those that change most come first."""
    by_occluder: tuple[Group, ...]
    by_yaw: tuple[Group, ...]
    """In the order of the angle, in degrees."""


def what_if(catalog: Catalog, settings: Sequence[str]) -> WhatIf:
    """Compares the limits of the newest rebuild with what `settings` (pairverdict.identity=0.8) make of them."""
    newest = newest_fingerprints(catalog)
    now = limits_now(catalog, newest)
    then = changed(now, settings)
    scores = scored_pairs(catalog, newest, limited(now) | limited(then))
    ids, before, after = scores["item_id"], accepted(scores, now), accepted(scores, then)
    gained, lost = pc.and_not(after, before), pc.and_not(before, after)
    counts = pa.table({"before": before, "after": after, "gained": gained, "lost": lost})
    return WhatIf(
        limits={
            limit.column: (limit.of(now), limit.of(then))
            for limit in LIMITS
            if limit.of(now) != limit.of(then)
        },
        pairs=scores.num_rows,
        before=pc.sum(before).as_py(),
        after=pc.sum(after).as_py(),
        gained=tuple(sorted(ids.filter(gained).to_pylist())),
        lost=tuple(sorted(ids.filter(lost).to_pylist())),
        by_speaker=_most_changed(_grouped(counts, speakers_of(catalog, newest, ids))),
        by_occluder=_most_changed(_grouped(counts, occluders_of(catalog, newest, ids))),
        by_yaw=tuple(sorted(_grouped(counts, yaws_of(scores)), key=lambda group: BINS.index(group.name))),
    )


def _grouped(counts: pa.Table, names: pa.Array) -> list[Group]:
    numbers = pa.table({name: pc.cast(counts[name], pa.int64()) for name in counts.column_names})
    groups = numbers.append_column("name", pa.chunked_array([names])).group_by("name")
    rows = groups.aggregate([(name, "sum") for name in counts.column_names]).to_pylist()
    return [Group(row["name"], *(row[f"{name}_sum"] for name in counts.column_names)) for row in rows]


def _most_changed(groups: Sequence[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (-group.gained - group.lost, -group.before, group.name)))


# -- what they look like -------------------------------------------------------------------------------


def changed_sheet(catalog: Catalog, found: WhatIf, path: Path) -> int:
    """Draws pairs that are gained or lost, with the scores that decide, as a PNG; how many there are on it."""
    chosen = [*_spread(found.gained, SHOWN // 2), *_spread(found.lost, SHOWN // 2)]
    if not chosen:
        return 0
    shown = rows_of_items(catalog, PairScores.name, chosen)
    row_ids = [item.row["_rowid"] for item in shown]
    values = table_of(catalog, PairScores.name).read(row_ids, list(found.limits))
    gained = set(found.gained)
    captions = [
        f"{'gained' if item.row['item_id'] in gained else 'lost'}: {item.name}\n{_told(scores)}"
        for item, scores in zip(shown, values, strict=True)
    ]
    pictures = blobs(catalog, shown, STILL)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contact_sheet(list(zip(pictures, captions, strict=True)), COLUMNS, WIDTH))
    return len(shown)


def _spread(ids: Sequence[str], most: int) -> list[str]:
    """Evenly from first to last: ids are hashes, so neighbours have nothing in common."""
    return list(ids[:: max(-(-len(ids) // most), 1)])


def _told(scores: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:.3g}" for name, value in scores.items() if value is not None)
