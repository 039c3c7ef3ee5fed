"""Reads published versions from Python: `redub.open("redub-data/catalog", "v3")`.

version = redub.open("redub-data/catalog", "prod")  # v3, an alias, a day as 2026-11-20, or "" for the newest
version.tag, version.manifest                       # "v3", and what it was made of
version.rows("speakers_split = 'train'")            # a pyarrow table
version.blobs("ingest", "video", row_ids)           # bytes, one after the other
version.lance(), version.lance("ingest")            # Lance's own handles, pinned to this version
"""

from storage.errors import StorageError
from storage.versions.opened import OpenedVersion, open_version

open = open_version

__all__ = ["OpenedVersion", "StorageError", "open"]
