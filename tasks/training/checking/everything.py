"""Puts the checks of a training in order: first what needs no window, then a look at some of them, then a dry step.

    findings = [*before_data(subject), *of_data(subject)]

What can't be opened ends a part of the checks, with a finding that says why.
"""

from collections.abc import Iterator

from models.dit.presets import PRESETS
from models.weights.errors import ModelError
from storage.errors import StorageError
from tasks.training.checking import dealing, pictures, room, samples, version, weights
from tasks.training.checking.anew import made_anew
from tasks.training.checking.finding import Finding, refuse
from tasks.training.checking.learnt import learnt_parameters
from tasks.training.checking.subject import Subject
from tasks.training.checking.trying import stepped
from tasks.training.checkpoints import CheckpointError
from tasks.training.editor.recipe import ExpertRecipe
from tasks.training.objective import Batch
from tasks.training.problems import Stop
from tasks.training.prompts import needs_naming
from tasks.training.recipe import DitRecipe
from tasks.training.version_windows import VersionWindows

FEW = 3
"""Windows that are encoded and heard anew."""


def before_data(subject: Subject) -> Iterator[Finding]:
    """What is known without looking at a window."""
    if unknown := _unknown_preset(subject):
        yield unknown
        return
    try:
        yield from _settings(subject)
        if subject.version:
            yield from _of_rows(subject)
    except (StorageError, ModelError, OSError) as error:
        yield refuse(str(error))


def _unknown_preset(subject: Subject) -> Finding | None:
    recipe = subject.job.recipe
    if not isinstance(recipe, DitRecipe) or recipe.preset in PRESETS:
        return None
    return refuse(f"there is no preset {recipe.preset!r} of the net; there are: {', '.join(PRESETS)}")


def _settings(subject: Subject) -> Iterator[Finding]:
    recipe = subject.job.recipe
    yield from dealing.dealt(recipe.batch, subject.profile)
    yield from dealing.sharded(recipe.optimizer, subject.profile)
    yield from dealing.differs(recipe.seed, recipe.batch)
    yield from version.models(subject.licences)
    if subject.config is not None:
        assert isinstance(recipe, DitRecipe)
        if why := needs_naming(subject.config, recipe.text):
            yield refuse(why)
        yield from room.disk(subject.job.root, learnt_parameters(recipe, subject.config), recipe.keep)
        if recipe.init and subject.takes_init:
            yield from weights.begins_from(recipe.init, subject.config, isinstance(recipe, ExpertRecipe))


def _of_rows(subject: Subject) -> Iterator[Finding]:
    assert subject.catalog is not None
    recipe = subject.job.recipe
    members = version.members(subject.catalog, subject.version)
    clips = members.of(recipe.split)
    yield from samples.names(members.rows["item_id"].to_pylist(), "clips")
    yield from version.lengths(clips, recipe.frames)
    if subject.config is not None:  # SyncNet listens for itself
        yield from version.heard_to_the_end(clips)
    yield from version.speakers(members, recipe.split)
    yield from version.rights(clips, members.facts)


def of_data(subject: Subject) -> Iterator[Finding]:
    """A look at a dozen windows, and a dry step with two of them."""
    if _unknown_preset(subject):
        return
    try:
        yield from _seen(subject)
    except (StorageError, ModelError, CheckpointError, Stop) as error:
        yield refuse(str(error))
    except (OSError, ValueError) as error:
        yield refuse(
            f"windows of {subject.version or 'the data'} can't be read ({error}): copy its tables back"
        )


def _seen(subject: Subject) -> Iterator[Finding]:
    if not subject.version:
        yield from samples.names(subject.windows.ids, "windows")
    numbers = samples.spread_over(len(subject.windows), samples.DOZEN, subject.job.recipe.seed)
    batch = subject.windows.__getitems__(numbers)
    yield from samples.whole(batch, numbers, subject.windows.ids)
    yield from samples.finite(batch)
    good = samples.finite_rows(batch)
    if not good:
        return
    finite = samples.some_of(batch, good)
    if subject.config is not None:
        wrong = list(pictures.sizes(finite, subject.config, subject.job.recipe.frames))
        yield from wrong or _pictures(finite)
        if wrong:
            return
    if isinstance(subject.windows, VersionWindows) and subject.config is not None:
        few = [good[place] for place in samples.spread_over(len(good), FEW, subject.job.recipe.seed)]
        numbers = [numbers[one] for one in few]
        assert isinstance(subject.job.recipe, DitRecipe)
        yield from made_anew(subject.job.recipe.vae, subject.windows, numbers, samples.some_of(batch, few))
    yield from stepped(subject, finite)


def _pictures(batch: Batch) -> Iterator[Finding]:
    for look in (pictures.latents, pictures.halves, pictures.sound, pictures.masks, pictures.places):
        yield from look(batch)
