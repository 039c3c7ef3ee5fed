"""Puts the checks of a training in order: first what needs no window, then a look at some of them, then a dry step.

    findings = [*before_data(subject), *of_data(subject)]

What can't be opened ends a part of the checks, with a finding that says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from infra.profiles import Profile
from models.audio.whisper import Whisper
from models.dit.config import DitConfig
from models.dit.presets import PRESETS, count_parameters, stacked
from models.vae.opening import load_vae
from models.weights.errors import ModelError
from models.weights.references import resolve
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from tasks.latents import LatentsConfig
from tasks.training import stored_sound
from tasks.training.checking import dealing, dry, encoding, hearing, pictures, room, samples, version, weights
from tasks.training.checking.finding import Finding, ok, refuse, warn
from tasks.training.checking.learnt import learnt_parameters
from tasks.training.checkpoints import CheckpointError
from tasks.training.editor.clips_as_pairs import ClipsAsPairs
from tasks.training.editor.pair_windows import ClipPairs
from tasks.training.editor.recipe import EditorRecipe, ExpertRecipe
from tasks.training.editor.structure import config_of
from tasks.training.job import Job, objective_of
from tasks.training.objective import Batch, Windows
from tasks.training.problems import Stop
from tasks.training.recipe import DitRecipe, GeneratorRecipe, TrainRecipe
from tasks.training.version_windows import VersionWindows

FEW = 3
"""Windows that are encoded and heard anew."""
LARGE = 300_000_000
"""Parameters, or bytes of other networks, from which a machine without a GPU would be at it for minutes."""

PAIRED = (ClipPairs, ClipsAsPairs)
"""Windows of which companions are given as pixels."""
OF_LATENTS = LatentsConfig().model_dump()
"""What the stage makes unless it is told otherwise."""


@dataclass(frozen=True)
class Subject:
    """A training that is about to start."""

    job: Job
    profile: Profile
    licences: Mapping[str, Mapping[str, Any]]
    """Of the networks that it loads or begins from (models/weights/licences.py)."""
    catalog: Catalog | None = None
    """Of the version that it learns from."""
    version: str = ""
    """Empty: other data."""
    look_at: Windows | None = None
    """Windows to look at in place of the job's, where these take long to open."""
    begins: bool = True
    """False: it goes on from a checkpoint, and its init means nothing any more."""
    editor_later: bool = False
    """The editor that an expert is to learn over is still to be trained; one of random numbers stands for it."""

    @property
    def windows(self) -> Windows:
        return self.job.windows if self.look_at is None else self.look_at

    @cached_property
    def config(self) -> DitConfig | None:
        """Of the net; None where it is no DiT."""
        recipe = self.job.recipe
        if isinstance(recipe, EditorRecipe):
            return config_of(recipe)
        return stacked(PRESETS[recipe.preset]) if isinstance(recipe, GeneratorRecipe) else None


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
        yield from room.disk(subject.job.root, learnt_parameters(recipe, subject.config), recipe.keep)
        if recipe.init and _takes_init(subject):
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
        yield from _made_anew(subject, subject.windows, numbers, samples.some_of(batch, few))
    yield from _stepped(subject, finite)


def _pictures(batch: Batch) -> Iterator[Finding]:
    for look in (pictures.latents, pictures.halves, pictures.sound, pictures.masks, pictures.places):
        yield from look(batch)


# -- encoded and heard anew ---------------------------------------------------------------------------


def _made_anew(subject: Subject, windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    recipe = subject.job.recipe
    assert isinstance(recipe, DitRecipe)
    if not windows.not_cached:
        yield from _encoded(recipe.vae, windows, few, batch)
    yield from _heard(windows, few, batch)


def _encoded(vae: str, windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    if _too_large(vae):
        yield warn(f"stored latents are not compared: {vae} is too large for this machine, which has no GPU")
    else:
        yield from encoding.as_encoded(windows, few, batch, load_vae(vae, _device()))


def _heard(windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    made = windows.config(stored_sound.STAGE)
    heard = hearing.listened(windows.stored, [windows.place(one) for one in few])
    yield from hearing.as_long(heard)
    if _too_large(made["whisper"]):
        yield warn(
            f"sound is not heard anew: {made['whisper']} is too large for this machine, which has no GPU"
        )
        return
    whisper = Whisper(made["whisper"], made["layers"], _device())
    audio_BFNA = batch["audio_BFNA"]
    yield from hearing.as_heard(heard, audio_BFNA, whisper)
    yield from hearing.in_step(heard, audio_BFNA.shape[1], whisper)


def _too_large(reference: str) -> bool:
    return not torch.cuda.is_available() and _bytes(resolve(reference)) > LARGE


def _bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file())


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


# -- memory, and a dry step ---------------------------------------------------------------------------


def _stepped(subject: Subject, batch: Batch) -> Iterator[Finding]:
    job, config = subject.job, subject.config
    if config is not None:
        yield from _memory(subject, config, batch)
        if count_parameters(config) > LARGE and not torch.cuda.is_available():
            size = f"{count_parameters(config) / 1e6:,.0f} M parameters"
            yield warn(f"no dry step: a net of {size} is too large for this machine, which has no GPU")
            return
        over = "" if subject.editor_later or not isinstance(job.recipe, ExpertRecipe) else job.recipe.init
        if over and not weights.fits_whole(over, config):
            return  # refused already
    pair = samples.some_of(batch, [0, min(1, len(batch["id"]) - 1)])
    recipe = _quick(subject)
    try:
        objective = objective_of(recipe)
        net = objective.build(subject.windows, torch.device(_device()))
        if config is None:
            yield from room.disk(job.root, sum(one.numel() for one in net.parameters()), recipe.keep)
        yield from dry.step(recipe, objective, net, pair, job.sharding)
    except Stop as stop:
        yield refuse(str(stop))
    except (KeyError, RuntimeError, ValueError) as error:
        not_cached = "" if isinstance(subject.windows, PAIRED) else _not_cached(subject)
        why = not_cached or "the data don't fit the net"
        yield refuse(f"a step with two windows fails ({type(error).__name__}: {error}): {why}")
    else:
        if isinstance(subject.windows, PAIRED):
            yield ok("companions are decoded and encoded in each step: of them no latents are kept")
        elif why := _not_cached(subject):
            yield warn(f"each step decodes videos and runs the VAE, which is several times as slow: {why}")


def _quick(subject: Subject) -> TrainRecipe:
    """The recipe without what takes a minute, and without weights that were refused already or aren't there yet.

    An expert is none without an editor, be it one of random numbers.
    """
    recipe, config = subject.job.recipe, subject.config
    if config is None:
        return recipe
    fits = recipe.init and _takes_init(subject) and weights.fits_a_block(recipe.init, config)
    begins = fits or (isinstance(recipe, ExpertRecipe) and not subject.editor_later)
    return recipe.model_copy(update={"compiled": False, "init": recipe.init if begins else ""})


def _takes_init(subject: Subject) -> bool:
    """One that goes on has it in its checkpoint, but for an expert, whose checkpoint is the expert alone."""
    expert = isinstance(subject.job.recipe, ExpertRecipe)
    return not subject.editor_later if expert else subject.begins


def _not_cached(subject: Subject) -> str:
    why, recipe = getattr(subject.windows, "not_cached", ""), subject.job.recipe
    given = {"frames": recipe.frames, "stride": recipe.stride}
    other = [f"--set latents.{name}={value}" for name, value in given.items() if value != OF_LATENTS[name]]
    settings = " ".join(other or ["--set latents=on"])
    return f"{why}; `redub rebuild {settings}` makes latents for it" if why else ""


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
