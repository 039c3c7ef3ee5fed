"""Reads which limits of pairs are asked about, on top of those of the newest rebuild; says what is wrong with one."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from flows.errors import RecipeError
from storage.ledger.catalog import Catalog
from tasks.pairverdict import PairVerdict, PairVerdictConfig


def limits_now(catalog: Catalog, newest: Mapping[str, str]) -> PairVerdictConfig:
    """The newest rebuild's; where no rebuild has judged pairs yet, what a recipe has that says nothing of them."""
    made = catalog.computations().get(newest.get(PairVerdict.name, ""))
    known = PairVerdictConfig.model_fields
    return PairVerdictConfig(**{k: v for k, v in (made.config if made else {}).items() if k in known})


def changed(now: PairVerdictConfig, settings: Sequence[str]) -> PairVerdictConfig:
    """The same with other limits; RecipeError says what is wrong with one."""
    if not settings:
        on = ", ".join(f"{name} {value:g}" for name, value in now.model_dump().items() if value is not None)
        raise RecipeError(
            f"say which limit to try, for example --identity 0.8; now there are: {on or 'none'}, and there can be: "
            f"{', '.join(type(now).model_fields)} (--set {PairVerdict.name}.seam=1.5)"
        )
    given = dict(_setting(text) for text in settings)
    try:
        return PairVerdictConfig(**{**now.model_dump(), **given})
    except ValidationError as error:
        wrong = [f"{e['loc'][0]} can't be {e['input']!r}: {e['msg'].lower()}" for e in error.errors()]
        raise RecipeError("; ".join(wrong)) from None


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    stage, _, name = key.strip().partition(".")
    known = PairVerdictConfig.model_fields
    if not equals or stage != PairVerdict.name:
        raise RecipeError(
            f"{text!r} is no limit of pairs: whatif takes {PairVerdict.name}.LIMIT=value, for example "
            f"{PairVerdict.name}.seam=1.5; `redub plan` says what other settings would compute"
        )
    if name not in known:
        near = difflib.get_close_matches(name, list(known), 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise RecipeError(f"there is no limit {name!r}{meant}; there are: {', '.join(known)}")
    given = _number(value)
    return name, None if given in ("off", "none", "null") else given


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text.strip().lower()
