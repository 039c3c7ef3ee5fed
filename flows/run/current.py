"""Finds which source an item under way is of, for people: ids say nothing to them."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES, Node
from storage.ledger.rows import row_fields

URI = "uri"


class CurrentSource:
    """Asks the tables that have a column `uri`, once an item."""

    def __init__(self, catalog: Catalog, nodes: Sequence[Node]) -> None:
        self._catalog = Catalog(
            catalog.root, catalog.store
        )  # with handles of its own: it is asked from another thread
        self._nodes = [SOURCES, *(node for node in nodes if URI in row_fields(node.output))]
        self._known: dict[str, str] = {}

    def name(self, item: str) -> str:
        """The file's name; empty where the item is of no source that is known yet, or the tables can't be asked now."""
        if item not in self._known:
            try:
                self._known[item] = self._asked(item)
            except (StorageError, OSError, RuntimeError):
                return ""  # a name is told beside the counts: for its sake no run fails
        return self._known[item]

    def _asked(self, item: str) -> str:
        quoted = item.replace("'", "''")
        for node in self._nodes:
            found = self._catalog.table(node).select(f"item_id = '{quoted}'", [URI])
            if found.num_rows:
                return PurePosixPath(found[URI][0].as_py()).name
        return ""
