"""Looks at a dozen windows, spread over all there are: whole, finite, each of its own name."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from tasks.training.checking.finding import Finding, first_of, ok, refuse
from tasks.training.objective import Batch

DOZEN = 12


def spread_over(count: int, wanted: int, seed: int) -> list[int]:
    """Sample numbers: one drawn from each of `wanted` equal stretches."""
    edges = np.linspace(0, count, min(wanted, count) + 1).astype(int)
    rng = np.random.default_rng(seed)
    return [int(rng.integers(*edge)) for edge in pairwise(edges)]


def tensors_of(batch: Batch) -> dict[str, Tensor]:
    return {name: value for name, value in batch.items() if isinstance(value, Tensor)}


def some_of(batch: Batch, places: Sequence[int]) -> dict[str, Any]:
    """A batch of these samples alone."""
    return {
        name: value[list(places)] if isinstance(value, Tensor) else [value[place] for place in places]
        for name, value in batch.items()
    }


def whole(batch: Batch, numbers: Sequence[int], ids: Sequence[str]) -> Iterator[Finding]:
    """Whether what came is what was asked for."""
    asked = [ids[number] for number in numbers]
    if batch["id"] != asked:
        yield refuse(
            f"the data gave windows {first_of(batch['id'])} where {first_of(asked)} were asked for", asked
        )
    for name, value in tensors_of(batch).items():
        if len(value) != len(numbers):
            yield refuse(f"{name} has {len(value)} rows for {len(numbers)} windows", asked)


def finite(batch: Batch) -> Iterator[Finding]:
    """Whether numbers are numbers."""
    bad = {
        name: [one for one, good in zip(batch["id"], _finite(value), strict=True) if not good]
        for name, value in tensors_of(batch).items()
        if value.is_floating_point()
    }
    for name, rows in bad.items():
        if rows:
            yield refuse(
                f"{len(rows)} of {len(batch['id'])} windows looked at have NaN or infinity in {name} "
                f"({first_of(rows)}): {_remedy(name)}",
                rows,
            )
    if not any(bad.values()):
        yield ok(f"{len(batch['id'])} windows, spread over the data, are whole and finite")


def _finite(value: Tensor) -> list[bool]:
    return value.flatten(1).isfinite().all(1).tolist()


def finite_rows(batch: Batch) -> list[int]:
    """Places in the batch whose every tensor is finite."""
    all_B = np.all([_finite(value) for value in tensors_of(batch).values()], axis=0)
    return np.flatnonzero(all_B).tolist()


STAGE_OF: Mapping[str, str] = {
    "target_BCFHW": "latents", "masked_BCFHW": "latents", "reference_BCHW": "latents",
    "companion_BCFHW": "pairlatents", "audio_BFNA": "hearing", "face_BFHW": "facemask", "lips_BFHW": "facemask",
}  # fmt: skip
"""Key of a batch -> the stage whose rows it comes from."""


def _remedy(name: str) -> str:
    stage = STAGE_OF.get(name, "its")
    return (
        f"the rows of the stage {stage} are damaged; copy the catalog's {stage}.lance back, or leave the clips out "
        "and publish a version without them"
    )


def names(ids: Sequence[str], what: str) -> Iterator[Finding]:
    """Whether each has its own."""
    seen: set[str] = set()
    twice = [one for one in ids if one in seen or seen.add(one)]  # type: ignore[func-returns-value]
    if twice:
        yield refuse(
            f"{len(twice)} ids of {what} come more than once ({first_of(twice)}): they would be learnt twice as often; "
            "publish the version anew",
            twice,
        )
    else:
        yield ok(f"{len(ids):,} {what}, each with an id of its own")
