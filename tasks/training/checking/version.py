"""Asks a version's rows: clips too short for a window, sound as long as the picture, people, licences, consent.

Only columns are read, so that a million rows take a second.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.audio.windows import FEATURES_HZ, FPS
from models.weights.about import is_free
from storage.ledger.catalog import Catalog
from storage.versions.version import load_version
from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn

COUNTS = ("ingest_frames", "hearing_positions", "ingest_row")
UNSAID = ("", "unknown", "none", "n/a", "?")


@dataclass(frozen=True)
class Members:
    """The columns of a version that checks read."""

    rows: pa.Table
    facts: Mapping[str, str]
    """Fact (split, speaker, licence, consent) -> its column."""

    def of(self, split: str) -> pa.Table:
        return self.rows.filter(pc.equal(self.rows[self.facts["split"]], split))


def members(catalog: Catalog, tag: str) -> Members:
    version, dataset = load_version(catalog, tag)
    facts = version.manifest.get("facts", {})
    there = set(dataset.schema.names)
    wanted = dict.fromkeys(["item_id", *COUNTS, *facts.values()])
    return Members(dataset.to_table(columns=[one for one in wanted if one in there]), facts)


def lengths(clips: pa.Table, frames: int) -> Iterator[Finding]:
    """How many clips give no window."""
    frames_N = clips["ingest_frames"].to_numpy()
    short = clips.filter(pc.less(clips["ingest_frames"], frames))
    if short.num_rows:
        yield warn(
            f"{short.num_rows} of {clips.num_rows} clips are shorter than the {frames} frames of a window (the "
            f"longest has {frames_N.max()}) and are not learnt from: {first_of(short['item_id'].to_pylist())}",
            short["item_id"].to_pylist(),
        )
    else:
        yield ok(
            f"{clips.num_rows} clips of {frames_N.min()} to {frames_N.max()} frames, none shorter than a window"
        )


def heard_to_the_end(clips: pa.Table) -> Iterator[Finding]:
    """Whether features of the sound go on for as long as the picture."""
    if "hearing_positions" not in clips.column_names:
        return
    wanted_N = np.round(clips["ingest_frames"].to_numpy() / FPS * FEATURES_HZ)
    wrong_N = np.abs(clips["hearing_positions"].to_numpy() - wanted_N) > 1
    rows = clips["item_id"].filter(pa.array(wrong_N)).to_pylist()
    if rows:
        yield refuse(
            f"{len(rows)} clips are heard for another time than they are seen ({first_of(rows)}), so sound would be "
            "learnt with the wrong frames: rebuild the stage hearing",
            rows,
        )
    else:
        yield ok("sound is heard for as long as the picture lasts, in every clip")


def speakers(members: Members, split: str) -> Iterator[Finding]:
    """Whether nobody who is learnt from is measured on."""
    column = members.facts.get("speaker")
    if column is None:
        yield warn("the version doesn't say who speaks, so whether splits share people is not known")
        return
    own = pc.unique(members.of(split)[column])
    rows = members.rows
    shared = rows.filter(
        pc.and_(pc.not_equal(rows[members.facts["split"]], split), pc.is_in(rows[column], value_set=own))
    )
    if shared.num_rows:
        people = sorted(set(shared[column].to_pylist()))
        yield refuse(
            f"{len(people)} speakers are in split {split!r} and in another one ({first_of(people)}): what is measured "
            "there would be people it has learnt; rebuild the stage speakers and take the new version",
            shared["item_id"].to_pylist(),
        )
    else:
        yield ok(f"{len(own)} speakers in split {split!r}, none of them in another")


def rights(clips: pa.Table, facts: Mapping[str, str]) -> Iterator[Finding]:
    """Which rows are not known to allow commercial use, and which say nothing of consent."""
    said = [_licences(clips, facts.get("licence", "")), _consent(clips, facts.get("consent", ""))]
    found = [one for some in said for one in some]
    yield from found or [ok("every row has a licence that allows commercial use, and a consent")]


def _licences(clips: pa.Table, column: str) -> Iterator[Finding]:
    for licence, rows in _by_word(clips, column).items():
        if not is_free(licence):
            yield warn(
                f"{len(rows)} rows are under {licence or 'no licence'!r}, which is not known to allow commercial use: "
                f"neither will what learns from them ({first_of(rows)})",
                rows,
            )


def _consent(clips: pa.Table, column: str) -> Iterator[Finding]:
    unsaid = [row for word, rows in _by_word(clips, column).items() if word.lower() in UNSAID for row in rows]
    if unsaid:
        yield warn(f"{len(unsaid)} rows don't say how the people shown agreed: {first_of(unsaid)}", unsaid)


def _by_word(clips: pa.Table, column: str) -> dict[str, list[str]]:
    if column not in clips.column_names:
        return {"": clips["item_id"].to_pylist()}
    words = pc.utf8_trim_whitespace(pc.fill_null(clips[column], ""))
    grouped: dict[str, list[str]] = {}
    for word in pc.unique(words).to_pylist():
        grouped[word] = clips["item_id"].filter(pc.equal(words, word)).to_pylist()
    return grouped


def models(licences: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Which of the networks that it loads or begins from forbid commercial use, or don't say."""
    not_free = {name: one for name, one in licences.items() if one["commercial"] is not True}
    for name, one in not_free.items():
        said = (
            "forbids commercial use" if one["commercial"] is False else "is not known to allow commercial use"
        )
        yield warn(f"{name} is under {one['licence']!r}, which {said}: neither will what is trained with it")
    if not not_free and licences:
        yield ok(f"{', '.join(licences)}: all under licences that allow commercial use")
