"""Finds what is known of a model, shipped here or published by others, by its name or its reference.

A recipe may name any other weights, too.
"""

from models.weights.about import about, is_free
from models.weights.digests import files_that_matter
from models.weights.published import PUBLISHED, Known
from models.weights.references import ModelError, mini_models, resolve, without_digest


def known() -> list[Known]:
    """Returns all models that redub knows, those shipped here first."""
    return [_mini(f"mini:{name}") for name in mini_models()] + list(PUBLISHED)


def _mini(reference: str) -> Known:
    path = resolve(reference)
    said = about(path)
    files = files_that_matter(path) if path.is_dir() else [path]
    what = str(said.get("what", "")).removeprefix("redub's mini ")
    licence = str(said.get("licence", ""))
    return Known(
        reference, reference, what, licence, is_free(licence) or None, sum(f.stat().st_size for f in files)
    )


def find(name: str) -> Known | None:
    """Finds a model by name or reference; None for one that nobody told redub of."""
    if name.startswith("mini:"):
        return _mini(name)
    return next((one for one in PUBLISHED if name in (one.name, one.reference)), None)


def called(reference: str) -> str:
    """Returns what people call it: the name of a known model, else the reference without its digest."""
    found = find(reference)
    return found.name if found else without_digest(reference)


def reference(name: str) -> str:
    """Returns the whole reference of a known model, for recipes."""
    found = find(name)
    if found is None:
        raise ModelError(f"there is no known model {name!r}; there are: {', '.join(k.name for k in known())}")
    return found.reference
