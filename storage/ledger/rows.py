"""Typed rows and the Arrow schema they imply: a dataclass is the one source of truth for a table.

    @dataclass(frozen=True)
    class Output:
        id: str
        sharpness: float
        note: str | None
        poster: Blob          # kept outside the columns, as a Lance blob

`schema_of(Output)` gives the Arrow fields, in order. `T | None` is a nullable column, everything
else refuses nulls, so a stage that forgets a value fails on its own row and not in a training.
"""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

BLOB = "redub-blob"
Blob = Annotated[bytes, BLOB]
"""Bytes that a table stores beside its columns (a clip, a poster), read only when asked for."""

Json = Annotated[str, "json"]
"""A text for programs; people are not shown it."""

_SCALARS: Mapping[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def row_fields(row_type: type) -> dict[str, Any]:
    """Field name -> annotation, in declaration order."""
    assert is_dataclass(row_type), f"{row_type} is not a dataclass"
    hints = get_type_hints(row_type, include_extras=True)
    return {f.name: hints[f.name] for f in fields(row_type)}


def blob_columns(row_type: type) -> list[str]:
    return [name for name, hint in row_fields(row_type).items() if is_blob(hint)]


def is_blob(hint: Any) -> bool:
    hint, _ = _unwrap_optional(hint)
    return get_origin(hint) is Annotated and BLOB in hint.__metadata__


def arrow_type(hint: Any) -> pa.DataType:
    """The Arrow type of one annotation; a dataclass becomes a struct."""
    hint, _ = _unwrap_optional(hint)
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (list, tuple):
        return pa.list_(arrow_type(get_args(hint)[0]))
    if is_dataclass(hint):
        return pa.struct([arrow_field(n, h) for n, h in row_fields(hint).items()])  # type: ignore[arg-type]
    if hint not in _SCALARS:
        raise TypeError(
            f"a row cannot hold {hint!r}; use one of {', '.join(t.__name__ for t in _SCALARS)}, "
            "a list of them, a nested dataclass, or Blob"
        )
    return _SCALARS[hint]


def arrow_field(name: str, hint: Any) -> pa.Field:
    return pa.field(name, arrow_type(hint), nullable=_unwrap_optional(hint)[1])


def schema_of(row_type: type) -> pa.Schema:
    """Arrow schema of a row type, blobs as plain binary (the table layer turns them into Lance blobs)."""
    return pa.schema([arrow_field(n, h) for n, h in row_fields(row_type).items()])


def _unwrap_optional(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        kept = [a for a in get_args(hint) if a is not type(None)]
        if len(kept) != 1:
            raise TypeError(f"a column has one type, not {hint}; only `T | None` is understood")
        return kept[0], True
    return hint, False
