"""Says which addresses are read at all, and turns what an object store's driver raises into a sentence.

    check_address("simplecache::http://host/a.mp4")    # raises, and contacts nothing
    with told_plainly("s3://bucket/a.mp4"): ...        # no credentials, no answer: a StorageError

An address that others wrote, as in a manifest, could name anything that fsspec has a driver for: web pages, archives
in archives, other people's machines. Only object stores and local paths are taken.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.compute as pc

from storage.errors import StorageError

SCHEMES = ("s3", "s3a", "s3n", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""`memory` is fsspec's own, inside of one process."""
STORES = "s3://, gs:// or az://"
READ = rf"(?i)^(?:{'|'.join(SCHEMES)})://"
DRIVERS = ("botocore", "aiobotocore", "google", "gcsfs", "azure", "adlfs", "aiohttp", "requests")
"""Packages whose errors are those of an object store."""
LANCE_STORE = re.compile(r"Generic (?:S3|GCS|MicrosoftAzure|\w*) ?error", re.IGNORECASE)
HELP = (
    "see whether its name, the network and the credentials are right (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
    "AWS_REGION)"
)


def refusal(address: str) -> str:
    """Why an address is not read, as a sentence; empty for one that is."""
    if "\0" in address:
        return "the name holds a NUL, which no file's name can"
    scheme, mark, rest = address.partition("://")
    if not mark or "/" in scheme:
        return ""
    if scheme.lower() in ("file", "local"):
        return f"{scheme}:// is not read: write the path alone, /{rest.lstrip('/')}"
    if scheme.lower() not in SCHEMES or "::" in rest:
        return f"{scheme}:// is not read: give a path, or an address in an object store ({STORES})"
    return ""


def may_be_refused(addresses: Any) -> bool:
    """Whether `refusal` has to be asked about any of a column: a million addresses are looked through in a moment."""
    marked = pc.match_substring(addresses, "://")
    unread = pc.and_(marked, pc.invert(pc.match_substring_regex(addresses, READ)))
    chained = pc.and_(marked, pc.match_substring(addresses, "::"))
    nul = pc.match_substring(addresses, "\0")
    return bool(pc.any(pc.or_(pc.or_(unread, chained), nul)).as_py())


def check_address(address: str) -> None:
    """Raises before anything is contacted."""
    if why := refusal(address):
        raise StorageError(f"{address!r}: {why}")


@contextmanager
def told_plainly(address: str) -> Iterator[None]:
    """What a store's driver or Lance raises of a place that can't be reached; a file that is not there is none of it."""
    try:
        yield
    except (StorageError, FileNotFoundError):
        raise
    except ImportError as error:
        scheme = address.partition("://")[0]
        raise StorageError(
            f"{address} can't be read without the driver for {scheme}:// ({error}): `uv sync --extra s3` or `--extra gcs`"
        ) from error
    except Exception as error:
        if not _of_a_store(address, error):
            raise
        raise StorageError(f"{address} can't be reached ({_short(error)}): {HELP}") from error


def _of_a_store(address: str, error: Exception) -> bool:
    if "://" not in address:
        return False
    if "not found" in str(error).lower() and isinstance(error, ValueError):
        return False  # Lance: there is no such table
    driver = type(error).__module__.partition(".")[0] in DRIVERS
    return driver or isinstance(error, OSError) or bool(LANCE_STORE.search(str(error)))


def _short(error: Exception) -> str:
    """Without the places in Rust's sources that Lance's errors end with."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r",? ?/\S+\.rs:\d+:\d+", "", text)[:300]
