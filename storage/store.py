"""Where bytes live: one way to open a local path or an object-store URI, with its options."""

from dataclasses import dataclass, field
from typing import BinaryIO, cast

import fsspec


@dataclass(frozen=True)
class Store:
    """Handed to every worker, so it must pickle; `options` are fsspec's (credentials, endpoint)."""

    options: dict[str, str] = field(default_factory=dict)

    def open(self, uri: str) -> BinaryIO:
        """A seekable binary file. A plain path is local; `s3://...`, `gs://...` need their fsspec driver."""
        fs, path = fsspec.core.url_to_fs(uri, **(self.options if "://" in uri else {}))
        return cast(BinaryIO, fs.open(path, "rb"))

    def stat(self, uri: str) -> tuple[int, int]:
        """(bytes, time of change in ns): cheap evidence that a file is still the one that was listed."""
        fs, path = fsspec.core.url_to_fs(uri, **(self.options if "://" in uri else {}))
        return size_and_mtime(fs.info(path))


def size_and_mtime(info: dict) -> tuple[int, int]:
    """fsspec's info, whose time key differs by file system, as (bytes, ns)."""
    when = info.get("mtime", info.get("LastModified", info.get("updated", info.get("last_modified", 0))))
    seconds = when.timestamp() if hasattr(when, "timestamp") else float(when or 0)
    return int(info["size"] or 0), int(seconds * 1e9)
