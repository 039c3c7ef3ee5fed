"""Which rows are the present ones: those of the newest rebuild, stage by stage.

A rebuild need not have every stage: what it lacks is answered by the newest one that had it.
"""

from collections.abc import Iterator

from storage.ledger.catalog import Catalog
from storage.ledger.node import LISTED, SOURCES


def newest_fingerprints(catalog: Catalog) -> dict[str, str]:
    """Stage -> fingerprint of its present rows; sources and the stages of the newest rebuild first, in running order."""
    computed = catalog.computations()
    newest = {SOURCES.name: LISTED.fingerprint}
    for fingerprint in _of_runs(catalog):
        if fingerprint in computed:
            newest.setdefault(computed[fingerprint].stage, fingerprint)
    return newest


def newest_fingerprint(catalog: Catalog, stage: str) -> str:
    """Empty when no rebuild ever had this stage."""
    return newest_fingerprints(catalog).get(stage, "")


def stage_order(catalog: Catalog) -> list[str]:
    """Every stage that a catalog has rows of: those of the newest rebuild in running order, then older ones."""
    recorded = (one.stage for one in catalog.computations().values())
    return list(dict.fromkeys([*newest_fingerprints(catalog), *recorded]))


def _of_runs(catalog: Catalog) -> Iterator[str]:
    for run in catalog.runs():
        yield from run["fingerprints"]
