"""Recipes: what a rebuild computes. A recipe is one frozen, typed config per stage, in running order.

Adding a stage: write tasks/<stage>.py, then add one line to `Recipe` and one to `STAGES` here.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from storage.catalog import LISTED, SOURCES, Node
from storage.fingerprint import Made
from storage.reviews import follows
from tasks.ingest import Ingest, IngestConfig
from tasks.probe import Probe, ProbeConfig
from tasks.quality import Quality, QualityConfig
from tasks.render import Render, RenderConfig
from tasks.speakers import Speakers, SpeakersConfig
from tasks.stage import Expand, Stage
from tasks.verdict import Verdict, VerdictConfig

STAGES: dict[str, type[Stage]] = {
    "render": Render,
    "probe": Probe,
    "ingest": Ingest,
    "quality": Quality,
    "speakers": Speakers,
    "verdict": Verdict,
}


class Stages(BaseModel):
    """One config per stage, named as in STAGES. Every value here is part of the fingerprints."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Stages)


class WorldRecipe(Stages):
    """Takes to videos: the procedural world, or what a studio's renderer has written."""

    render: RenderConfig = Field(default=RenderConfig(), description="How the takes of the world vary")


class Recipe(Stages):
    """Videos to a dataset version."""

    probe: ProbeConfig = Field(default=ProbeConfig(), description="Which sources are fit to be read at all")
    ingest: IngestConfig = Field(default=IngestConfig(), description="How clips are cut around faces")
    quality: QualityConfig = Field(default=QualityConfig(), description="How the scores are sampled")
    speakers: SpeakersConfig = Field(default=SpeakersConfig(), description="Who is the same person as whom")
    verdict: VerdictConfig = Field(default=VerdictConfig(), description="Thresholds over the stored scores")


FULL = IngestConfig(
    size=512,
    min_face_px=64.0,
    face="mediapipe",
    face_model="face_landmarker.task",
    identity_model="",
)

RECIPES: dict[str, Recipe] = {
    "mini": Recipe(),
    "full": Recipe(ingest=FULL, speakers=SpeakersConfig(same=0.45)),
}


class RecipeError(ValueError):
    """An unknown recipe, stage or setting; the message lists what exists."""


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a .toml file (optionally `base = "mini"`), with `stage.field=value` on top."""
    return _build(Recipe, name, _read_tree(name), overrides)


def load_world(overrides: Sequence[str] = ()) -> WorldRecipe:
    """How takes are rendered, with `render.field=value` on top."""
    return _build(WorldRecipe, "world", WorldRecipe().model_dump(), overrides)


def _build(kind: type[R], name: str, tree: dict[str, Any], overrides: Sequence[str]) -> R:
    for text in overrides:
        _override(tree, text)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(_explain(name, error)) from None


def _read_tree(name: str) -> dict[str, Any]:
    if name in RECIPES:
        return RECIPES[name].model_dump()
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{_close(name, RECIPES)}; there are: {', '.join(RECIPES)}, or a .toml file"
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} can't be read as a recipe: {error}") from None
    tree = _read_tree(own.pop("base", "mini"))
    for stage, settings in own.items():
        tree[stage] = {**tree.get(stage, {}), **settings} if isinstance(settings, dict) else settings
    return tree


def _override(tree: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    stage, dot, field = key.strip().partition(".")
    if not equals or not dot:
        raise RecipeError(
            f"--set takes stage.field=value (for example verdict.min_sharpness=8), not {text!r}"
        )
    if stage not in tree:
        raise RecipeError(
            f"there is no stage {stage!r}{_close(stage, tree)} here; there are: {', '.join(tree)}"
        )
    known = STAGES[stage].Config.model_fields
    if field not in known:
        raise RecipeError(
            f"{stage} has no setting {field!r}{_close(field, known)}; it has: {', '.join(known)}"
        )
    tree[stage][field] = yaml.safe_load(value)


def _close(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _explain(name: str, error: ValidationError) -> str:
    lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
    return f"recipe {name!r} has settings that don't fit:\n" + "\n".join(lines)


# -- the graph that a recipe stands for ----------------------------------------------------------------


def stages_of(recipe: Stages) -> dict[str, Stage]:
    return {name: STAGES[name](getattr(recipe, name)) for name in type(recipe).model_fields}


def nodes_of(stages: Mapping[str, Stage]) -> list[Node]:
    """Each stage's fingerprint: its code version, config and weights, and its upstream's fingerprints."""
    nodes: dict[str, Node] = {SOURCES.name: SOURCES}
    for name, stage in stages.items():
        reads = tuple(up.name for up in stage.reads) or (SOURCES.name,)
        assert all(r in nodes for r in reads), f"{name} reads {reads}, which must come before it in STAGES"
        upstream = [fingerprint for r in reads for fingerprint in _content(nodes[r])]
        config = stage.config.model_dump(mode="json")
        made = Made(name, stage.version, config, stage.weights(), upstream)
        nodes[name] = Node(name, stage.Output, made, reads, isinstance(stage, Expand))
    return list(nodes.values())[1:]


def _content(node: Node) -> list[str]:
    """What a row's content follows from. A screen lets rows through as they are, so its policy is no part of it."""
    if node.made is LISTED:
        return []
    return list(node.made.upstream) if follows(node.output) else [node.fingerprint]
