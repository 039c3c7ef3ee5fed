"""A stage as storage sees it: its name, its columns, what its fingerprint stands for, and what it reads."""

from dataclasses import dataclass

from storage.ledger.fingerprint import Computation
from storage.sources.listing import Source

LISTED = Computation("sources", 1, {}, {}, ())
"""Sources are looked at, not computed: they share one fingerprint for ever."""


@dataclass(frozen=True)
class NamedRead:
    """A read of another item's row: the row of `stage` whose item the column `by` of `holder` names.

    `optional`: an item that names none is read without.
    """

    stage: str
    by: str
    holder: str
    optional: bool = False


@dataclass(frozen=True)
class Node:
    """A stage as storage sees it. `reads` are names of upstream nodes, the walked one first."""

    name: str
    output: type
    computation: Computation
    reads: tuple[str, ...]
    expands: bool = False
    named: tuple[NamedRead, ...] = ()
    facts: tuple[str, ...] = ()
    """Columns that say of every row in a version: its split, licence or consent."""
    chooses: bool = False
    """Whether it is asked again where an item that its row names is gone (storage/ledger/choices.py)."""

    @property
    def fingerprint(self) -> str:
        return self.computation.fingerprint

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of all nodes whose rows it reads, as a worker is handed them: `reads`, then the named ones."""
        return (*self.reads, *(named.stage for named in self.named))


SOURCES = Node("sources", Source, LISTED, (), facts=("licence", "consent"))
