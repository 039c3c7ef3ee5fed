"""Says what other limits would make of the pairs that are scored: how many more or fewer, which, and how they look.

Asks the stored scores of the newest rebuild, by the function that `pairverdict` itself decides by, so no video is
opened and a rebuild with these limits decides the same.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import ValidationError

from flows.errors import RecipeError
from flows.looking.rows import STILL, blobs, rows_of_items, table_of
from storage.drawing.contact_sheet import contact_sheet
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.newest import newest_fingerprints
from storage.ledger.table import Status, latest
from tasks.captions import Captions
from tasks.pairscores import PairScores
from tasks.pairverdict import LIMITS, SCORES, PairVerdict, PairVerdictConfig, accepted
from tasks.speakers import Speakers
from tasks.stage import Expand, Stage

STATE = ["item_id", "parent_id", "revision", "status"]
YAWS = (10.0, 20.0, 30.0, 45.0)
"""Degrees at which the bins of yaw meet."""
UNKNOWN = "unknown"
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
    """Setting -> the newest rebuild's and the one that is asked about, where they differ."""
    pairs: int
    """That are scored."""
    before: int
    """That are accepted by the newest rebuild's limits."""
    after: int
    gained: tuple[str, ...]
    """Clips whose pairs come in, and that go out."""
    lost: tuple[str, ...]
    by_speaker: tuple[Group, ...]
    """Of all groups those that change most come first."""
    by_occluder: tuple[Group, ...]
    by_yaw: tuple[Group, ...]
    """In the order of the angle, in degrees."""


def what_if(catalog: Catalog, settings: Sequence[str]) -> WhatIf:
    """Compares the limits of the newest rebuild with those that the settings (`pairverdict.identity=0.8`) make of them."""
    newest = newest_fingerprints(catalog)
    now = limits_now(catalog, newest)
    then = changed(now, settings)
    scores = _scores(catalog, newest)
    before, after = accepted(scores, now), accepted(scores, then)
    gained, lost = pc.and_not(after, before), pc.and_not(before, after)
    counts = pa.table({"before": before, "after": after, "gained": gained, "lost": lost})
    ids = scores["item_id"]
    return WhatIf(
        limits={
            limit.setting: (limit.of(now), limit.of(then))
            for limit in LIMITS
            if limit.of(now) != limit.of(then)
        },
        pairs=scores.num_rows,
        before=_count(before),
        after=_count(after),
        gained=tuple(ids.filter(gained).to_pylist()),
        lost=tuple(ids.filter(lost).to_pylist()),
        by_speaker=_most_changed(_grouped(counts, _speakers(catalog, newest, ids))),
        by_occluder=_most_changed(_grouped(counts, _occluders(catalog, newest, ids))),
        by_yaw=tuple(sorted(_grouped(counts, _yaws(scores)), key=lambda group: _bins().index(group.name))),
    )


# -- limits --------------------------------------------------------------------------------------------


def limits_now(catalog: Catalog, newest: Mapping[str, str]) -> PairVerdictConfig:
    """The newest rebuild's; where no rebuild has judged pairs yet, what a recipe has that says nothing of them."""
    made = catalog.computations().get(newest.get(PairVerdict.name, ""))
    known = PairVerdictConfig.model_fields
    return PairVerdictConfig(**{k: v for k, v in (made.config if made else {}).items() if k in known})


def changed(now: PairVerdictConfig, settings: Sequence[str]) -> PairVerdictConfig:
    """The same with other limits; RecipeError says what is wrong with one."""
    if not settings:
        on = ", ".join(f"{name} {value:g}" for name, value in now.model_dump().items() if value is not None)
        raise RecipeError(
            f"say which limit to try, for example --identity 0.8; now there are: {on or 'none'}, and there can be: "
            f"{', '.join(type(now).model_fields)} (--set {PairVerdict.name}.seam=1.5)"
        )
    given = dict(_setting(text) for text in settings)
    try:
        return PairVerdictConfig(**{**now.model_dump(), **given})
    except ValidationError as error:
        wrong = [f"{e['loc'][0]} can't be {e['input']!r}: {e['msg'].lower()}" for e in error.errors()]
        raise RecipeError("; ".join(wrong)) from None


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    stage, _, name = key.strip().partition(".")
    known = PairVerdictConfig.model_fields
    if not equals or stage != PairVerdict.name:
        raise RecipeError(
            f"{text!r} is no limit of pairs: whatif takes {PairVerdict.name}.LIMIT=value, for example "
            f"{PairVerdict.name}.seam=1.5; `redub plan` says what other settings would compute"
        )
    if name not in known:
        near = difflib.get_close_matches(name, list(known), 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise RecipeError(f"there is no limit {name!r}{meant}; there are: {', '.join(known)}")
    given = yaml.safe_load(value)
    return name, None if given is False else given


# -- rows ----------------------------------------------------------------------------------------------


def _scores(catalog: Catalog, newest: Mapping[str, str]) -> pa.Table:
    """Of the pairs that are scored and that no gate has closed on since, sorted by id."""
    columns = [name for name in SCORES.names if name != "id"]
    rows = _accepted(catalog, newest, PairScores, columns)
    for gate in _gates(catalog, newest):
        let_through = _accepted(catalog, newest, gate, [])["item_id"].combine_chunks()
        rows = rows.filter(pc.is_in(rows["item_id"], value_set=let_through))
    if not rows.num_rows:
        raise StorageError(
            f"the newest rebuild of {catalog.root} has no scored pairs; `redub status -c {catalog.root}` shows how far "
            "its rows came, and pairs need a recipe with `companion`"
        )
    return rows.sort_by("item_id")


def _accepted(
    catalog: Catalog, newest: Mapping[str, str], stage: type[Stage], columns: Sequence[str]
) -> pa.Table:
    where = f"fingerprint = '{newest.get(stage.name, '')}'"
    rows = latest(table_of(catalog, stage.name).select(where, [*STATE, *columns]))
    return rows.filter(pc.equal(rows["status"], str(Status.OK))).select(["item_id", *columns])


def _gates(catalog: Catalog, newest: Mapping[str, str]) -> list[type[Stage]]:
    """Stages whose settings may have changed since the pairs were scored, as their columns are in no pair's fingerprint."""
    computed, taken = catalog.computations(), set[str]()
    open_ends = [newest.get(PairScores.name, "")]
    while open_ends:
        made = computed.get(open_ends.pop())
        if made is not None and made.stage not in taken:
            taken.add(made.stage)
            open_ends += [upstream.split()[0] for upstream in made.upstream]
    return [stage for stage in _before(PairScores) if stage.name not in taken and stage.name in newest]


def _before(stage: type[Stage]) -> list[type[Stage]]:
    """What it reads, and what those read, up to where items get their ids."""
    near = [up for up in stage.own_reads() if not issubclass(up, Expand)]
    return list(dict.fromkeys([*near, *(far for up in near for far in _before(up))]))


# -- groups --------------------------------------------------------------------------------------------


def _speakers(catalog: Catalog, newest: Mapping[str, str], ids: pa.ChunkedArray) -> pa.Array:
    known = _accepted(catalog, newest, Speakers, ["speaker"])
    return _looked_up(ids, known["item_id"], known["speaker"])


def _occluders(catalog: Catalog, newest: Mapping[str, str], ids: pa.ChunkedArray) -> pa.Array:
    known = _accepted(catalog, newest, Captions, ["occluders"])
    phrases = pc.binary_join(known["occluders"], ", ")
    named = pc.if_else(pc.equal(phrases, ""), "nothing", phrases)
    return _looked_up(ids, known["item_id"], named)


def _looked_up(ids: pa.ChunkedArray, keys: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Array:
    places = pc.index_in(ids, value_set=keys.combine_chunks())
    return pc.fill_null(values.combine_chunks().take(places.combine_chunks()), UNKNOWN)


def _yaws(scores: pa.Table) -> pa.Array:
    yaw_N = scores["yaw"].to_numpy()
    return pa.array(_bins()).take(pa.array(np.digitize(np.nan_to_num(yaw_N, nan=180.0), YAWS)))


def _bins() -> list[str]:
    return [f"{low:g} to {high:g}" for low, high in zip((0.0, *YAWS), (*YAWS, 180.0), strict=True)]


def _grouped(counts: pa.Table, names: pa.Array) -> list[Group]:
    numbers = pa.table({name: pc.cast(counts[name], pa.int64()) for name in counts.column_names})
    groups = numbers.append_column("name", pa.chunked_array([names])).group_by("name")
    rows = groups.aggregate([(name, "sum") for name in counts.column_names]).to_pylist()
    return [Group(row["name"], *(row[f"{name}_sum"] for name in counts.column_names)) for row in rows]


def _most_changed(groups: Sequence[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (-group.gained - group.lost, -group.before, group.name)))


def _count(rows: pa.ChunkedArray) -> int:
    return pc.sum(rows).as_py() or 0


# -- what they look like -------------------------------------------------------------------------------


def changed_sheet(catalog: Catalog, found: WhatIf, path: Path) -> int:
    """Draws pairs that are gained or lost, with the scores that decide, as a PNG; how many there are on it."""
    chosen = [*_spread(found.gained, SHOWN // 2), *_spread(found.lost, SHOWN // 2)]
    if not chosen:
        return 0
    shown = rows_of_items(catalog, PairScores.name, chosen)
    values = table_of(catalog, PairScores.name).read(
        [item.row["_rowid"] for item in shown], list(found.limits)
    )
    gained = set(found.gained)
    captions = [
        f"{'gained' if item.row['item_id'] in gained else 'lost'}: {item.name}\n{_told(scores)}"
        for item, scores in zip(shown, values, strict=True)
    ]
    pictures = blobs(catalog, shown, STILL)
    path.write_bytes(contact_sheet(list(zip(pictures, captions, strict=True)), COLUMNS, WIDTH))
    return len(shown)


def _spread(ids: Sequence[str], most: int) -> list[str]:
    """Evenly from first to last: ids are hashes, so neighbours have nothing in common."""
    return list(ids[:: max(-(-len(ids) // most), 1)])


def _told(scores: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:.3g}" for name, value in scores.items() if value is not None)
