"""Where bytes live: one way to open a local path or an object-store URI, with its options."""

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import fsspec

from storage.addresses import check_address
from storage.errors import StorageError

OPTIONS = "REDUB_STORAGE"
"""Options of the object store in the environment: `key=value`, with blanks between."""

ATTEMPTS = 8
"""Of one request to S3, with half a minute in all between them: a server that is started again loses nobody's row."""
PATIENT = {"client_max_retries": "24"}
"""Lance's own further attempts, which take about a minute; it makes three within seconds, unless it is told this."""


def options_in(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in shlex.split(text)]
    for key, mark, value in pairs:
        if not (key and mark and value):
            raise StorageError(
                f"{key + mark + value!r} is no option of an object store: write key=value, as in "
                f"--storage aws_endpoint=http://host:9000 (or in {OPTIONS})"
            )
    return {key: value for key, _, value in pairs}


def as_text(options: Iterable[str]) -> str:
    """For the environment: `options_in` reads it."""
    return shlex.join(options)


def _of_environment() -> dict[str, str]:
    return options_in(os.environ.get(OPTIONS, ""))


@dataclass(frozen=True)
class Store:
    """Handed to every worker, so it must pickle.

    `options` are Lance's (`aws_endpoint`, `aws_region`, ...); the ones that fsspec's S3 driver spells
    otherwise are translated. Without any, both read the usual environment (AWS_*, GOOGLE_*, AZURE_*).
    """

    options: dict[str, str] = field(default_factory=_of_environment)

    @classmethod
    def told(cls, options: Mapping[str, str]) -> "Store":
        """A profile's options, and over them what the environment says, which is nearer to the person."""
        return cls({**options, **_of_environment()})

    def patient(self) -> "Store":
        """For a run: what it has reached once it waits for, when that is away for a moment."""
        return Store({**PATIENT, **self.options})

    def filesystem(self, uri: str) -> tuple[Any, str]:
        """fsspec's file system for an address that is read at all, and the path on it."""
        check_address(uri)
        if "://" not in uri:  # fsspec would take a `::` in a file's name for a chain of drivers
            return fsspec.filesystem("file"), os.path.abspath(os.path.expanduser(uri))
        options = _s3_options(self.options) if uri.startswith(("s3://", "s3a://")) else {}
        return fsspec.core.url_to_fs(uri, **options)

    def open(self, uri: str) -> BinaryIO:
        """A seekable binary file. A plain path is local; `s3://...`, `gs://...` need their fsspec driver."""
        fs, path = self.filesystem(uri)
        return cast(BinaryIO, fs.open(path, "rb"))

    def stat(self, uri: str) -> tuple[int, int]:
        """(bytes, time of change in ns): cheap evidence that a file is still the one that was listed."""
        fs, path = self.filesystem(uri)
        return size_and_mtime(fs.info(path))


def _s3_options(options: dict[str, str]) -> dict[str, Any]:
    client = {"aws_endpoint": "endpoint_url", "aws_region": "region_name"}
    own = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_session_token": "token"}
    known: dict[str, Any] = {new: options[old] for old, new in own.items() if old in options}
    known["config_kwargs"] = {"retries": {"mode": "standard", "max_attempts": ATTEMPTS}}
    known["client_kwargs"] = {new: options[old] for old, new in client.items() if old in options}
    return known


def size_and_mtime(info: dict) -> tuple[int, int]:
    """fsspec's info, whose time key differs by file system, as (bytes, ns)."""
    when = info.get("mtime", info.get("LastModified", info.get("updated", info.get("last_modified", 0))))
    seconds = when.timestamp() if hasattr(when, "timestamp") else float(when or 0)
    return int(info["size"] or 0), int(seconds * 1e9)
