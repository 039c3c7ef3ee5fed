"""Finds where a manifest's uris lead: `./sub//a.mp4`, `/v/a.mp4/` and `file:///v/a.mp4` have simpler names.

Whole-column work: only the few uris that are spelled oddly are looked at one by one.
"""

import posixpath
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ODD_PATH = r"//|/\.\.?(?:/|$)|/$"
ALIASES = {"file": "", "local": "", "s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}
"""Schemes that fsspec takes for the same store; '' is the local disk."""
ODD_URI = rf"^(?:{'|'.join(ALIASES)}|[a-z0-9+.-]*[A-Z][A-Za-z0-9+.-]*)://|[^:/]//|:////|/\.\.?(?:/|$)|/$"


def resolved(uris: Any, folder: str) -> Any:
    """Relative names from the manifest's folder on, local paths without detours; null where there is no name."""
    if pc.any(pc.equal(uris, "")).as_py():
        uris = pc.if_else(pc.equal(uris, ""), pa.scalar(None, pa.string()), uris)
    remote = pc.match_substring(uris, "://")
    # An object store may tell `a//b` from `a/b`, so what is absolute there stays as it is.
    odd = pc.and_(pc.invert(remote), pc.match_substring_regex(uris, rf"^\.\.?/|{ODD_PATH}"))
    absolute = pc.or_(remote, pc.starts_with(uris, "/"))
    if not pc.all(absolute).as_py():
        uris = pc.if_else(absolute, uris, pc.binary_join_element_wise(folder, uris, "/"))
    return _changed(uris, odd, tidy)


def places_of(uris: Any) -> Any:
    """For comparing only: equal where two uris could lead to the same file."""
    remote = pc.match_substring(uris, "://")
    return _changed(uris, pc.match_substring_regex(uris, ODD_URI), place) if pc.any(remote).as_py() else uris


def tidy(uri: str) -> str:
    """Without `.`, `..`, doubled and trailing slashes, as the file system reads a path."""
    scheme, mark, path = uri.rpartition("://")
    inside = posixpath.normpath("/" + path).lstrip("/")
    if not mark:
        return "/" + inside
    root = path[: len(path) - len(path.lstrip("/"))]  # `memory:///a` is spelled with three
    return scheme + mark + root + inside


def place(uri: str) -> str:
    """A uri as tidy as can be, its scheme by the usual name."""
    scheme, _, path = uri.partition("://")
    scheme = ALIASES.get(scheme.lower(), scheme.lower())
    return tidy(f"{scheme}://{path.lstrip('/')}") if scheme else tidy(path)


def _changed(uris: Any, mask: Any, change: Callable[[str], str]) -> Any:
    if not pc.any(mask).as_py():
        return uris
    mask = pc.fill_null(mask, False).combine_chunks()
    return pc.replace_with_mask(uris, mask, pa.array(map(change, uris.filter(mask).to_pylist()), pa.string()))
