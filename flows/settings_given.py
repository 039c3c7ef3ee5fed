"""Reads settings as people write them: a .toml file, a value behind `=`; and says in a sentence what is wrong with one.

own = read_toml(path)
value_of("1e-4")                      # 0.0001
sentences(error, Recipe)              # ingest.size is -512, and goes from 32 to 4,096
"""

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows.errors import RecipeError
from infra.number_ranges import OUT_OF_RANGE, named, range_of

LONGEST = 60
"""Letters of what was given that are repeated."""


def read_toml(path: Path) -> dict[str, Any]:
    """A recipe's own settings."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} can't be read as a recipe: it is not UTF-8; save it as such") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} can't be read as a recipe: {error}") from error


def base_of(own: dict[str, Any], default: str, readers: Sequence[str]) -> str:
    """Takes the recipe that another starts from out of its settings; `readers` are the files that led here, it included."""
    base = own.pop("base", default)
    if not isinstance(base, str):
        raise RecipeError(
            f"{readers[-1]}: base is {base!r}, and has to be the name of a recipe or of a .toml file"
        )
    if Path(base).resolve() in [Path(one).resolve() for one in readers]:
        raise RecipeError(
            f"{readers[-1]} can't start from {base}, which starts from it: {' -> '.join([*readers, base])}"
        )
    return base


def value_of(key: str, text: str) -> Any:
    """What stands behind `=`, as YAML has it; but YAML reads 1e-4 as a word."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {key}: {text!r} is no value ({' '.join(str(error).split())})") from error
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def close(word: str, known: Iterable[str]) -> str:
    """What may have been meant, as words to add; empty where nothing is close."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """A sentence for each setting: its name, what was given, and what would do."""
    return [_sentence(one, model) for one in error.errors()]


def _sentence(wrong: ErrorDetails, model: type[BaseModel]) -> str:
    name = named(wrong["loc"])
    reach = range_of(model, wrong["loc"])
    given = _short(wrong["input"])
    if wrong["type"] in OUT_OF_RANGE and reach:
        return f"{name} is {given}, and goes {reach}"
    if wrong["type"] == "value_error":  # settings that don't fit one another, in the recipe's own words
        said = wrong["msg"].removeprefix("Value error, ")
        return f"{name}: {said}" if name else said
    if wrong["type"] == "extra_forbidden":
        return f"{name}: there is no such setting"
    return f"{name}: {wrong['msg']} (got {given})" + (f"; it goes {reach}" if reach else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
