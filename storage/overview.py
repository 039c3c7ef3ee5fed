"""The state of a catalog at one look: its newest runs, the rows of each stage, and its versions. Only reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import newest_fingerprints, stage_order
from storage.ledger.standing import read_standing
from storage.ledger.table import Status
from storage.versions.aliases import aliases, names_of
from storage.versions.anyway import sentence
from storage.versions.gates import ungated
from storage.versions.version import load_version, tags


@dataclass(frozen=True)
class RunLine:
    run: str
    started: datetime
    recipe: str
    profile: str
    state: str
    """running, killed, finished, stopped or failed."""
    message: str


@dataclass(frozen=True)
class StageRows:
    """Rows of the newest rebuild's settings by how they ended; `older` are kept for versions made with others."""

    stage: str
    ok: int = 0
    rejected: int = 0
    quarantined: int = 0
    older: int = 0


@dataclass(frozen=True)
class VersionLine:
    version: str
    rows: int
    splits: dict[str, int]
    created: str
    git_commit: str
    forgotten: int
    """Rows that were deleted for good since."""
    anyway: str
    """What is to be known of rows of which their models know nothing, in a sentence; empty without such rows."""
    aliases: tuple[str, ...] = ()
    ungated: str = ""
    """Which gates it was published in spite of, and why, in a sentence; empty where it passed."""


@dataclass(frozen=True)
class Overview:
    root: str
    held_by: str
    """Who is changing the catalog now, in words; empty when nobody is."""
    runs: tuple[RunLine, ...]
    stages: tuple[StageRows, ...]
    versions: tuple[VersionLine, ...]
    """Newest first, as the runs are."""
    progress: Mapping[str, Any] | None = None
    """How far the running rebuild is (flows/run/telling.py); None when none is running."""


def overview(catalog: Catalog, runs: int = 5, versions: int = 8) -> Overview:
    busy = catalog.holder()
    newest = newest_fingerprints(catalog)
    return Overview(
        catalog.root,
        str(busy or ""),
        tuple(_run_line(run, busy is not None and not i) for i, run in enumerate(catalog.runs()[:runs])),
        tuple(
            rows for stage in stage_order(catalog) if (rows := _stage_rows(catalog, stage, newest.get(stage)))
        ),
        version_lines(catalog, versions),
        _progress(catalog) if busy else None,
    )


def _progress(catalog: Catalog) -> Mapping[str, Any] | None:
    return next((read_standing(catalog, run["run"]) for run in catalog.runs() if not run["ended"]), None)


def _run_line(run: dict[str, Any], may_run: bool) -> RunLine:
    end = run["ended"]
    state = end["event"] if end else "running" if may_run else "killed"
    said = "; ".join(filter(None, [end["message"] if end else "", run["message"]]))
    return RunLine(run["run"], run["at"], run["recipe"], run["profile"], state, said)


def _stage_rows(catalog: Catalog, stage: str, current: str | None) -> StageRows | None:
    dataset = open_table(catalog, stage)
    if dataset is None:
        return None
    counts = dict.fromkeys((Status.OK, Status.REJECTED, Status.QUARANTINED), 0)
    older = 0
    groups = dataset.to_table(columns=["fingerprint", "status"]).group_by(["fingerprint", "status"])
    for row in groups.aggregate([([], "count_all")]).to_pylist():
        if row["fingerprint"] == current and row["status"] in counts:
            counts[Status(row["status"])] += row["count_all"]
        else:
            older += row["count_all"]
    ok, rejected, quarantined = counts.values()
    return StageRows(stage, ok, rejected, quarantined, older)


def version_lines(catalog: Catalog, most: int = 0) -> tuple[VersionLine, ...]:
    """Newest first; all of them, or the newest `most`."""
    standing = aliases(catalog)
    return tuple(
        _version_line(catalog, tag, names_of(standing, tag)) for tag in reversed(tags(catalog)[-most:])
    )


def _version_line(catalog: Catalog, tag: str, names: tuple[str, ...]) -> VersionLine:
    m = load_version(catalog, tag)[0].manifest
    forgotten = sum(gone["rows"] for gone in m.get("forgotten", ()))
    return VersionLine(
        tag, m["rows"], m["splits"], m["created"], m["git_commit"], forgotten, sentence(m), names, ungated(m)
    )
