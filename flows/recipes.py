"""Recipes: what a rebuild computes. A recipe is one frozen, typed config per stage, in running order.

Adding a stage: write tasks/<stage>.py, then add one line to `Recipe` and one to `STAGES` here.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import RecipeError
from models.weights.known import reference
from storage.ledger import mask_verdicts as reviews
from storage.ledger.fingerprint import Computation
from storage.ledger.node import SOURCES, NamedRead, Node
from storage.ledger.rows import row_fields
from storage.versions.publish import COUNTED, RIGHTS
from tasks.captions import Captions, CaptionsConfig
from tasks.facemask import FaceMask, FaceMaskConfig
from tasks.ingest import Ingest, IngestConfig
from tasks.occluders import Occluders, OccludersConfig
from tasks.probe import Probe, ProbeConfig
from tasks.quality import Quality, QualityConfig
from tasks.render import Render, RenderConfig
from tasks.screen import Screen, ScreenConfig
from tasks.speakers import Speakers, SpeakersConfig
from tasks.stage import Expand, Stage, Through
from tasks.verdict import Verdict, VerdictConfig

STAGES: dict[str, type[Stage]] = {
    "render": Render,
    "probe": Probe,
    "ingest": Ingest,
    "quality": Quality,
    "verdict": Verdict,
    "captions": Captions,
    "occluders": Occluders,
    "screen": Screen,
    "facemask": FaceMask,
    "speakers": Speakers,
}


class Stages(BaseModel):
    """One config per stage, named as in STAGES. Every value here is part of the fingerprints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: ClassVar[tuple[str, ...]] = tuple(COUNTED)
    """What a version must say of every row."""


R = TypeVar("R", bound=Stages)


class WorldRecipe(Stages):
    """Takes to videos: the procedural world, or what a studio's renderer has written."""

    required = RIGHTS  # videos are sources: who is in which split is decided when they are cut into clips

    render: RenderConfig = Field(default=RenderConfig(), description="How the takes of the world vary")


class Recipe(Stages):
    """Videos to a dataset version."""

    probe: ProbeConfig = Field(default=ProbeConfig(), description="Which sources are fit to be read at all")
    ingest: IngestConfig = Field(default=IngestConfig(), description="How clips are cut around faces")
    quality: QualityConfig = Field(default=QualityConfig(), description="How the scores are sampled")
    verdict: VerdictConfig = Field(default=VerdictConfig(), description="Thresholds over the stored scores")
    captions: CaptionsConfig = Field(default=CaptionsConfig(), description="What is in front of each face")
    occluders: OccludersConfig = Field(default=OccludersConfig(), description="Its mask, frame by frame")
    screen: ScreenConfig = Field(default=ScreenConfig(), description="Whose masks a person must look at")
    facemask: FaceMaskConfig = Field(
        default=FaceMaskConfig(), description="The face's own mask, with an open jaw"
    )
    speakers: SpeakersConfig = Field(default=SpeakersConfig(), description="Who is who, and in which split")


LANDMARKS = reference("face-landmarker")
FULL = Recipe(
    ingest=IngestConfig(
        size=512,
        min_face_px=64.0,
        face="mediapipe",
        face_model=LANDMARKS,
        identity_model=reference("arcface"),
    ),
    captions=CaptionsConfig(
        model=reference("qwen2.5-vl"), min_pixels=256 * 28 * 28, max_pixels=400 * 28 * 28
    ),
    occluders=OccludersConfig(model=reference("sam2.1")),
    facemask=FaceMaskConfig(head="mediapipe", head_model=LANDMARKS),
    speakers=SpeakersConfig(same=0.45),
)

RECIPES: dict[str, Recipe] = {"mini": Recipe(), "full": FULL}


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
    """Each stage's fingerprint: its code version, config and weights, and those of the stages it takes columns from.

    A stage that is read for nothing but that it let an item through, such as the verdict, is a gate: what
    comes after follows from the item and not from the gate, so other thresholds compute no item again.
    """
    nodes: dict[str, Node] = {SOURCES.name: SOURCES}
    for name, stage in stages.items():
        reads = tuple(up.name for up in stage.own_reads()) or (SOURCES.name,)
        assert all(r in nodes for r in reads), f"{name} reads {reads}, which must come before it in STAGES"
        named = tuple(_named(stage, read, nodes) for read in stage.reads if isinstance(read, Through))
        upstream = _fingerprints(stage, [nodes[r] for r in reads], named, nodes)
        config = stage.config.model_dump(mode="json")
        made = Computation(name, stage.version, config, stage.weights(), upstream)
        expands = isinstance(stage, Expand)
        nodes[name] = Node(name, stage.Output, made, reads, expands, named, stage.facts)
    return list(nodes.values())[1:]


def _named(stage: Stage, read: Through, nodes: Mapping[str, Node]) -> NamedRead:
    assert read.stage.name in nodes, (
        f"{stage.name} reads {read.stage.name}, which must come before it in STAGES"
    )
    holder = next((up.name for up in stage.own_reads() if read.by in row_fields(up.Output)), None)
    if holder is None:
        raise TypeError(
            f"{stage.name} reads through {read.by!r}, which no stage that it reads has as a column"
        )
    return NamedRead(read.stage.name, read.by, holder)


def _fingerprints(
    stage: Stage, reads: Sequence[Node], named: Sequence[NamedRead], nodes: Mapping[str, Node]
) -> list[str]:
    """Of the stages that a column is taken from, be it only the name of another item."""
    taken = input_columns(stage, reads, [(read, nodes[read.stage]) for read in named])
    through = [read for read, columns in zip(named, taken[len(reads) :], strict=True) if columns]
    holders = {read.holder for read in through}
    return [
        *(
            node.fingerprint
            for node, columns in zip(reads, taken[: len(reads)], strict=True)
            if (columns or node.name in holders) and node.name != SOURCES.name
        ),
        *(f"{nodes[read.stage].fingerprint} by {read.by}" for read in through),
    ]


def input_columns(
    stage: Stage, reads: Sequence[Node], named: Sequence[tuple[NamedRead, Node]] = ()
) -> list[dict[str, str]]:
    """Per upstream table, the fields of the stage's Input that come from it, and from which column.

    Of the item's own rows the nearest that has a column of this name; else another item's, by `by_column`.
    """
    own = [{column: column for column in row_fields(up.output)} for up in reads]
    others = [{f"{read.by}_{column}": column for column in row_fields(up.output)} for read, up in named]
    have = [*own, *others]
    columns: list[dict[str, str]] = [{} for _ in have]
    for name in row_fields(stage.Input):
        if name in ("id", reviews.COLUMN):
            continue
        owner = next((i for i, names in enumerate(have) if name in names), None)
        if owner is None:
            sources = ", ".join(up.name for up in [*reads, *(up for _, up in named)])
            raise TypeError(f"{stage.name}.Input wants {name!r}, which none of {sources} gives")
        columns[owner][name] = have[owner][name]
    return columns
