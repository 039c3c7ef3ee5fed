"""How far the rebuild of a catalog is, in a small file beside its tables, for those who look from another process.

The rebuild writes it every few seconds and takes it away at its end. One that was killed leaves it: it counts only while
the run that it names holds the catalog.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.ledger.catalog import Catalog

FILE = ".progress.json"


def write_standing(catalog: Catalog, standing: Mapping[str, Any]) -> None:
    text = json.dumps(standing)
    if "://" in catalog.root:
        fs, path = catalog.store.filesystem(f"{catalog.root}/{FILE}")
        fs.pipe_file(path, text.encode())
        return
    whole = Path(catalog.root) / f"{FILE}.{os.getpid()}"
    whole.write_text(text)
    whole.replace(Path(catalog.root) / FILE)


def read_standing(catalog: Catalog, run: str) -> dict[str, Any] | None:
    """None where that run has written none."""
    fs, path = catalog.store.filesystem(f"{catalog.root}/{FILE}")
    try:
        found = json.loads(fs.cat_file(path))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if found.get("run") == run else None


def clear_standing(catalog: Catalog) -> None:
    fs, path = catalog.store.filesystem(f"{catalog.root}/{FILE}")
    if fs.exists(path):
        fs.rm_file(path)
