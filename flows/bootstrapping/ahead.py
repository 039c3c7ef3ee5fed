"""Checks trainings that are still to come as `redub train KIND --check` does, as soon as there is something to check by.

    check_settings(asked)           # before the first rebuild: networks that are not there, room on the disk, the profile
    check_phases(asked, "v1")       # before the generator learns: on clips, each beside itself backwards
    check_experts(asked, "v2")      # before the editor learns: on the very pairs

So what would refuse the last phase is said before days are spent on the first. A dry step of an expert is taken over
an editor of random numbers, and the lip expert's teacher is heard as it will be. Warnings come when their training begins.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flows.bootstrapping.asked import EXPERTS, STRUCTURE, TRAINED, Asked
from flows.bootstrapping.made import row_of
from flows.errors import BootstrapRefused
from flows.run.graph import nodes_of, stages_of
from flows.trained_weights import pinned, pinned_reference
from flows.training.data import find_data
from flows.training.driver import LOADED
from flows.training.recipes import called
from infra.zero import Sharding
from models.weights.errors import ModelError
from models.weights.licences import licences
from storage.errors import StorageError
from storage.trainings.names import run_uri
from tasks.training.checking.everything import Subject, before_data, of_data
from tasks.training.checking.finding import Finding, refuse
from tasks.training.editor.clips_as_pairs import ClipsAsPairs
from tasks.training.job import Job
from tasks.training.objective import Batch, Windows
from tasks.training.recipe import DitRecipe


class NotYet:
    """Windows of a version that is still to be made."""

    ids: Sequence[str] = ()

    def __len__(self) -> int:
        return 0

    def __getitems__(self, indices: list[int]) -> Batch:
        raise AssertionError(f"windows {indices} of nothing are asked for")


def check_settings(asked: Asked) -> None:
    """Needs no data. What has begun already was let through then."""
    todo = [kind for kind in TRAINED if row_of(asked.tables, asked.run(kind)) is None]
    _check(asked, todo, lambda training: before_data(training.subject(NotYet())))
    if STRUCTURE in todo:  # there may be no pairs yet
        stages = stages_of(pinned(asked.tables, asked.pairs()))
        nodes_of(stages)  # raises where a network of theirs is not there


def check_phases(asked: Asked, clips: str) -> None:
    """All that the editor's phases will do, but for companions that a generator painted."""
    kinds = (STRUCTURE, *EXPERTS)
    _check(asked, kinds, lambda training: of_data(training.subject(training.as_pairs(clips), clips)))


def check_experts(asked: Asked, pairs: str) -> None:
    """The structure editor is not among them: its own training checks it, and begins at once."""
    _check(asked, EXPERTS, lambda training: of_data(training.subject(training.of_pairs(pairs), pairs)))


@dataclass(frozen=True)
class Later:
    """A training that is still to come. Its networks are pinned; of an expert's editor there is nothing yet."""

    asked: Asked
    kind: str
    recipe: DitRecipe

    def as_pairs(self, clips: str) -> Windows:
        """Returns what stands for its windows while there are only clips."""
        recipe = self.recipe
        return ClipsAsPairs(self.asked.tables, clips, recipe.split, recipe.frames, recipe.stride, recipe.vae)

    def of_pairs(self, pairs: str) -> Windows:
        """Returns its windows."""
        return find_data(self.asked.tables, pairs, self.recipe).windows

    def subject(self, windows: Windows, version: str = "") -> Subject:
        """Returns what its training's own check would be given."""
        asked, like = self.asked, self.asked.where.training
        job = Job(
            name=asked.run(self.kind),
            recipe=self.recipe,
            windows=windows,
            root=run_uri(asked.tables, asked.run(self.kind)),
            about={},
            store=asked.tables.store,
            sharding=Sharding(zero=like.zero, dtype=like.dtype),
            micro=like.micro,
        )
        allowed, catalog = licences(networks_of(self.recipe).values()), asked.tables if version else None
        return Subject(job, asked.where, allowed, catalog, version, editor_later=self.kind in EXPERTS)


def later(asked: Asked, kind: str) -> Later:
    """Refuses networks that are not there."""
    recipe = asked.training_later(kind)
    assert isinstance(recipe, DitRecipe)
    without = recipe.model_copy(update={"init": ""}) if kind in EXPERTS else recipe
    found = {field: pinned_reference(asked.tables, one) for field, one in networks_of(without).items()}
    return Later(asked, kind, without.model_copy(update=found))


def networks_of(recipe: DitRecipe) -> dict[str, str]:
    """Returns the fields that name a network, and which."""
    named = {field: getattr(recipe, field, "") for field in LOADED}
    return {field: one for field, one in named.items() if one}


Look = Callable[[Later], Iterable[Finding]]


def _check(asked: Asked, kinds: Sequence[str], look: Look) -> None:
    """All that is wrong with all of them at once."""
    wrong = [
        f"{called(kind)} (--set {kind}.NAME=VALUE): {one.what}"
        for kind in kinds
        for one in _findings(asked, kind, look)
        if one.level == "refuse"
    ]
    if wrong:
        raise BootstrapRefused(
            "trainings would be refused, so nothing is done for them:\n" + "\n".join(wrong)
        )


def _findings(asked: Asked, kind: str, look: Look) -> Sequence[Finding]:
    try:
        return list(look(later(asked, kind)))
    except (ModelError, StorageError) as error:
        return [refuse(str(error))]
