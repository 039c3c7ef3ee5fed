"""Tries a training: whether it fits the memory, and a dry step of it with two windows."""

from collections.abc import Iterator

import torch

from models.dit.config import DitConfig
from models.dit.presets import count_parameters
from tasks.training.checking import dry, room, samples, weights
from tasks.training.checking.finding import Finding, refuse, warn
from tasks.training.checking.learnt import learnt_parameters
from tasks.training.checking.machine import LARGE, device
from tasks.training.checking.subject import Subject
from tasks.training.editor.recipe import EditorRecipe, ExpertRecipe
from tasks.training.job import objective_of
from tasks.training.objective import Batch
from tasks.training.problems import Stop
from tasks.training.recipe import DitRecipe, TrainRecipe
from tasks.training.version_windows import VersionWindows
from tasks.window_stage import LatentsConfig

OF_LATENTS = LatentsConfig().model_dump()
LONG = 100
"""Steps from which on what each of them costs is worth a word."""
"""What the stage makes unless it is told otherwise."""


def stepped(subject: Subject, batch: Batch) -> Iterator[Finding]:
    """Says what memory a step takes, and takes one with two windows."""
    job, config = subject.job, subject.config
    if config is not None:
        yield from (needs := list(_memory(subject, config, batch)))
        if any(one.level == "refuse" for one in needs):
            return
        if count_parameters(config) > LARGE and not torch.cuda.is_available():
            size = f"{count_parameters(config) / 1e6:,.0f} M parameters"
            yield warn(f"no dry step: a net of {size} is too large for this machine, which has no GPU")
            return
        over = job.recipe.init if isinstance(job.recipe, ExpertRecipe) and not subject.editor_later else ""
        if over and not weights.fits_whole(over, config):
            return  # refused already
    pair = samples.some_of(batch, [0, min(1, len(batch["id"]) - 1)])
    recipe = _quick(subject)
    try:
        objective = objective_of(recipe)
        net = objective.build(subject.windows, torch.device(device()))
        if config is None:
            yield from room.disk(job.root, sum(one.numel() for one in net.parameters()), recipe.keep)
        yield from dry.step(recipe, objective, net, pair, job.sharding)
    except Stop as stop:
        yield refuse(str(stop))
    except (KeyError, RuntimeError, ValueError) as error:
        why = _not_cached(subject) or "the data don't fit the net"
        yield refuse(f"a step with two windows fails ({type(error).__name__}: {error}): {why}")
    else:
        if recipe.steps >= LONG and (why := _not_cached(subject)):
            yield warn(f"each step decodes videos and runs the VAE, which kept latents would save: {why}")


def _quick(subject: Subject) -> TrainRecipe:
    """The recipe without what takes a minute, and without weights that were refused already or aren't there yet.

    An expert is none without an editor, be it one of random numbers.
    """
    recipe, config = subject.job.recipe, subject.config
    if config is None:
        return recipe
    fits = recipe.init and subject.takes_init and weights.fits_a_block(recipe.init, config)
    begins = fits or (isinstance(recipe, ExpertRecipe) and not subject.editor_later)
    return recipe.model_copy(update={"compiled": False, "init": recipe.init if begins else ""})


def _not_cached(subject: Subject) -> str:
    windows, recipe = subject.windows, subject.job.recipe
    if not isinstance(windows, VersionWindows) or not windows.why_videos:
        return ""
    given = {"frames": recipe.frames, "stride": recipe.stride}
    other = [f"{name}={value}" for name, value in given.items() if value != OF_LATENTS[name]]
    settings = [f"{stage}.{one}" for stage in windows.kept_by for one in other]
    settings = settings or [f"{stage}=on" for stage in windows.kept_by]
    command = " ".join(f"--set {one}" for one in settings)
    return f"{windows.why_videos}; `redub rebuild {command}` makes latents for it"


def _memory(subject: Subject, config: DitConfig, batch: Batch) -> Iterator[Finding]:
    recipe, training = subject.job.recipe, subject.profile.training
    assert isinstance(recipe, DitRecipe)
    dtype = torch.bfloat16 if training.dtype == "bf16" else torch.float32
    frames, height, width = batch["face_BFHW"].shape[1:]
    side = (recipe.crop or height, recipe.crop or width)
    micro = training.micro or -(-recipe.batch // training.fewest)
    each = room.activation_bytes(config, (frames, *side), dtype, recipe.recompute, _shown(recipe, frames))
    learnt = learnt_parameters(recipe, config)
    state = room.state_bytes(learnt, subject.profile, recipe.average > 0)
    if learnt < (whole := count_parameters(config)):
        state += room.frozen_bytes(whole, subject.profile)
    yield from room.memory(room.Taken(state, micro * each), subject.profile)


def _shown(recipe: DitRecipe, frames: int) -> int:
    """Latent frames beside the target: one of the same person, all of the companion, or none where it lies over it."""
    if not isinstance(recipe, EditorRecipe):
        return 1
    return frames if recipe.companion == "beside" else 0
