"""Finds how far each number of a recipe or a profile goes, as its fields say it.

ranges(Recipe)["ingest.size"].words          # from 32 to 4,096
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

NUMBERS = ("number", "integer")
OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
"""What pydantic calls it."""
ANY = "*"
"""Stands for each key or place of a mapping or list."""


@dataclass(frozen=True)
class Range:
    """Both ends of a number; None where there is none."""

    least: float | None
    above: float | None
    most: float | None
    below: float | None

    @property
    def whole(self) -> bool:
        return None not in (self._low, self._high)

    @property
    def _low(self) -> float | None:
        return self.above if self.least is None else self.least

    @property
    def _high(self) -> float | None:
        return self.below if self.most is None else self.most

    @property
    def words(self) -> str:
        low = f"from {_plain(self._low)}" if self.above is None else f"above {_plain(self._low)}"
        return (
            f"{low} to {_plain(self._high)}" if self.below is None else f"{low}, below {_plain(self._high)}"
        )


def named(place: Sequence[str | int]) -> str:
    """A setting as people call it: without the kinds that pydantic tried, as in `workers.constrained-int`."""
    return ".".join(str(part) for part in place if not re.match(r"constrained-|\w+\[", str(part)))


def range_of(model: type[BaseModel], place: Sequence[str | int]) -> str:
    """How far the number at a place goes, in words; empty where no number is."""
    known = ranges(model)
    name = named(place)
    each = named([*place[:-1], ANY])
    found = known.get(name) or known.get(each)
    return found.words if found else ""


@cache
def ranges(model: type[BaseModel]) -> Mapping[str, Range]:
    """`stage.field` -> its range, for all numbers of a recipe."""
    schema = model.model_json_schema()
    return dict(_numbers(schema, schema.get("$defs", {}), ()))


def _numbers(
    schema: Mapping[str, Any], known: Mapping[str, Any], place: tuple[str, ...]
) -> Iterator[tuple[str, Range]]:
    """Walks a JSON schema, which has the fields of all models in it, however they are spelled."""
    if "$ref" in schema:
        yield from _numbers(known[schema["$ref"].rpartition("/")[2]], known, place)
    for one in schema.get("anyOf", ()):
        yield from _numbers(one, known, place)
    for name, inner in schema.get("properties", {}).items():
        yield from _numbers(inner, known, (*place, name))
    for number, inner in enumerate(schema.get("prefixItems", ())):
        yield from _numbers(inner, known, (*place, str(number)))
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _numbers(inner, known, (*place, ANY))
    if schema.get("type") in NUMBERS and "enum" not in schema:
        ends = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        yield ".".join(place), Range(*map(schema.get, ends))


def _plain(end: float | None) -> str:
    return "-" if end is None else f"{end:,.16g}"
