"""Chooses the networks that dub where the command line doesn't name them: a catalog's promotion, or what is shipped.

The editor is the newest promotion of the catalog with its experts; where there is none mini:editor with its own; and
as long as that isn't shipped, the public checkpoint. What it hears and sees by are the networks it learnt with, as its
training's recipe has them; those of the shipped mini nets for mini:editor, and the public ones for any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.trained_weights import pinned_reference
from models.weights.references import cache, mini_models
from models.weights.runs import RUN, split_run
from storage.ledger.catalog import Catalog
from storage.trainings.promotion import Promotion, bring_promoted, promoted
from storage.trainings.reading import training

NONE = "none"
PUBLIC = {"vae": "wan2.2-vae", "whisper": "whisper", "wav2vec": "wav2vec2", "text": "umt5"}
OWN = {"vae": "mini:vae", "whisper": "mini:whisper", "wav2vec": NONE, "text": NONE}
"""Of nets that were trained here: they hear Whisper alone and read no text."""
SHIPPED, SHIPPED_EXPERTS = "editor", ("editor-lip", "editor-texture")
XDUB = "xdub"


@dataclass(frozen=True)
class Chosen:
    """Weights by their references or paths, and what they are called in a sentence."""

    weights: Mapping[str, str]
    """model, vae, whisper, wav2vec, text."""
    experts: tuple[str, ...]
    editor: str
    """In words."""
    expert_names: tuple[str, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Of the editor's training, where one is known."""


def choose(root: str, given: Mapping[str, str], experts: Sequence[str]) -> Chosen:
    """`given`: what the command line names of model, vae, ...; what it leaves empty is chosen. `experts` as given."""
    catalog = Catalog(root)
    there = catalog.exists()
    if given["model"]:
        chosen = _named(catalog if there else None, given["model"])
    elif there and (promotion := promoted(catalog)):
        chosen = _promoted(catalog, promotion)
    else:
        chosen = _shipped()
    weights = {what: given[what] or found for what, found in chosen.weights.items()}
    if not experts:
        return replace(chosen, weights=weights)
    named = tuple(_pinned(catalog if there else None, one) for one in experts if one != NONE)
    return replace(chosen, weights=weights, experts=named, expert_names=named)


def _named(catalog: Catalog | None, model: str) -> Chosen:
    """Without a catalog, REDUB_RUNS says where `run:NAME` lies."""
    reference = _pinned(catalog, model)
    if catalog and reference.startswith(RUN):
        recipe = training(catalog, split_run(reference)[0]).recipe
        return Chosen({"model": reference, **_learnt_with(catalog, recipe)}, (), reference, (), recipe)
    own = reference == f"mini:{SHIPPED}" or reference.startswith(RUN)
    return Chosen({"model": reference, **(OWN if own else PUBLIC)}, (), reference, ())


def _pinned(catalog: Catalog | None, reference: str) -> str:
    return pinned_reference(catalog, reference) if catalog else reference


def _promoted(catalog: Catalog, promotion: Promotion) -> Chosen:
    """The training's row stays, whatever becomes of its files."""
    model, *experts = (str(bring_promoted(catalog, one, cache() / "trained")) for one in promotion.all)
    recipe = training(catalog, promotion.editor.run).recipe
    return Chosen(
        {"model": model, **_learnt_with(catalog, recipe)},
        tuple(experts),
        f"{promotion.editor.uri} (promoted {promotion.at:%Y-%m-%d})",
        tuple(one.uri for one in promotion.experts),
        recipe,
    )


def _learnt_with(catalog: Catalog, recipe: Mapping[str, Any]) -> dict[str, str]:
    return OWN | {what: _pinned(catalog, recipe[what]) for what in ("vae", "whisper") if recipe.get(what)}


def _shipped() -> Chosen:
    there = mini_models()
    if SHIPPED not in there:
        return Chosen({"model": XDUB, **PUBLIC}, (), XDUB, ())
    model, experts = f"mini:{SHIPPED}", tuple(f"mini:{one}" for one in SHIPPED_EXPERTS if one in there)
    return Chosen({"model": model, **OWN}, experts, model, experts)
