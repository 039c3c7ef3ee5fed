"""Refuses a bootstrap that is asked for other settings than it began with: rows and manifests say which those were."""

from collections.abc import Mapping
from typing import Any

from flows.bootstrapping.asked import Asked
from flows.errors import BootstrapRefused
from flows.recipes import Recipe
from flows.training.recipes import called
from storage.trainings.reading import Training
from storage.versions.version import Version
from tasks.training.recipe import TrainRecipe

MISSING = object()


def check_training_began(asked: Asked, row: Training, kind: str, recipe: TrainRecipe, data: str) -> None:
    """`recipe` is what is asked for now, on a version `data`."""
    if row.kind != kind:
        raise BootstrapRefused(
            f"{row.run} is a {called(row.kind)} training and no {called(kind)}; give another name"
        )
    if data and row.data != data:
        raise BootstrapRefused(
            f"{row.run} learned from {row.data}, and {asked.name} is at {data} now; give another name"
        )
    _refuse(asked, kind, difference(row.recipe, recipe.model_dump(mode="json")))


def check_version_began(asked: Asked, version: Version, recipe: Recipe) -> None:
    """Of stages that have nothing to work on nothing is asked."""
    stages = {name: config.model_dump(mode="json") for name, config in recipe.configs().items()}
    began = {name: config for name, config in version.manifest["recipe"].items() if config is not None}
    began = {name: config for name, config in began.items() if name not in recipe.idle()}
    _refuse(asked, "rebuild", difference(began, stages))


def check_source_began(asked: Asked, version: Version) -> None:
    """Of a version that is this bootstrap's alone, so that its manifest says what was asked then."""
    began = version.manifest.get("sources", asked.source)
    if began.rstrip("/") != asked.source.rstrip("/"):
        _refuse(asked, "rebuild", ("source", began, asked.source))


def difference(
    began: Mapping[str, Any], now: Mapping[str, Any], within: str = ""
) -> tuple[str, Any, Any] | None:
    """Returns the first setting that differs, what it was and what it is. A step may stand behind a reference of then."""
    for name in dict.fromkeys([*began, *now]):
        was, wanted = began.get(name, MISSING), now.get(name, MISSING)
        if isinstance(was, Mapping) and isinstance(wanted, Mapping):
            if found := difference(was, wanted, f"{within}{name}."):
                return found
        elif was != wanted and not _pinned(was, wanted):
            return f"{within}{name}", was, wanted
    return None


def _pinned(was: Any, wanted: Any) -> bool:
    return isinstance(was, str) and isinstance(wanted, str) and was.startswith(f"{wanted}@")


def _refuse(asked: Asked, phase: str, found: tuple[str, Any, Any] | None) -> None:
    if found is None:
        return
    name, was, wanted = found
    raise BootstrapRefused(
        f"{asked.name} began with {phase} {name}={_said(was)} and is asked for {_said(wanted)} now: give what it began "
        "with, or another name"
    )


def _said(value: Any) -> str:
    return "nothing" if value is MISSING else str(value)
