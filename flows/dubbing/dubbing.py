"""Dubs a clip that was read: checks the request without weights, loads the networks, runs them.

Whatever can be refused is refused before weights are loaded, which takes minutes: the files are decoded, the headers
of the weights are read, and the whole request is checked against networks on the meta device.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from flows.dubbing.choice import Chosen
from flows.dubbing.clip_files import Clip
from flows.dubbing.learnt import settings_for
from flows.recipe_weights import of_the_world
from models.dit.config import DitConfig
from models.dit.cost import SHAPES
from models.dit.flow import EXPERTS, expert_at, schedule
from models.dit.presets import PRESETS
from models.dit.speedup import compiled, in_float8, use_flash_attention_3
from models.dubbing.dub import dub, input_halfway, there_and_back
from models.dubbing.networks import References, editor_config, loaded, on_meta_device
from models.dubbing.request import Networks, Settings, check
from models.vae import pixels_per_latent
from models.weights.known import find
from models.weights.references import ModelError
from storage.sources.listing import SourceError

LARGER = 2
"""So many times as large as what an editor learnt on, and its pictures mean nothing to it."""
SEEN = 256
"""Pixels that a clip is wide at least where it is shown beside another."""


@dataclass(frozen=True)
class Asked:
    chosen: Chosen
    prompt: str
    device: str
    settings: dict[str, Any]
    """Those that were given; weights and defaults say the others."""
    compile: bool
    float8: bool


def _checked(clip: Clip, ask: Asked) -> tuple[References, DitConfig, Settings, int]:
    """The request, and how many steps it takes: checked with networks on the meta device, before any are loaded."""
    if ask.float8 and ask.chosen.experts:
        raise ModelError("--float8 would lose the experts; leave it out, or give --expert none")
    weights = {what: _reference(one) for what, one in ask.chosen.weights.items()}
    names = References(**weights, experts=ask.chosen.experts)
    config = editor_config(names)
    settings = settings_for(names.model, ask.chosen.recipe, **ask.settings)
    parts = on_meta_device(names, config, ask.prompt)
    try:
        frames = check(parts, clip.frames, clip.heard, settings)
        _check_size(clip.frames, config, pixels_per_latent(parts.vae))
    except ValueError as error:
        raise SourceError(f"{clip.video} cannot be dubbed with {clip.sound}: {error}") from error
    return names, config, settings, settings.clips(frames) * settings.steps


def _check_size(frames_FHWC: np.ndarray, config: DitConfig, pixels: int) -> None:
    """A net is told no size, and what it makes of a whole scene is no face: it knows faces cut out as ingest does."""
    alike = (name for name, one in PRESETS.items() if _sizes(one) == _sizes(config) and name in SHAPES)
    if (name := next(alike, None)) is None:
        return
    side, (height, width) = SHAPES[name].side * pixels, frames_FHWC.shape[1:3]
    if max(height, width) > LARGER * side:
        raise ValueError(
            f"it is {width}x{height}, and this editor learnt on faces of {side}x{side}; give a clip of one face, cut "
            f"out as `redub rebuild` does (`redub export` writes them), and scaled to {side}x{side}"
        )


def _sizes(config: DitConfig) -> tuple[int, ...]:
    return config.dim, config.layers, config.channels


def _said(chosen: Chosen, model: str, settings: Settings) -> str:
    knows = " It has learnt from redub's procedural world alone: other faces mean nothing to it."
    experts = " and ".join(chosen.expert_names) or "no expert"
    return (
        f"Editor {chosen.editor}, {experts}; {settings.steps} steps, shift {settings.shift:g}, guidance "
        f"{settings.reference:g} (seen) and {settings.audio:g} (heard), {settings.clip} frames at a time."
        f"{knows if of_the_world([model]) else ''}"
    )


def dubbed(
    clip: Clip,
    ask: Asked,
    say: Callable[[str], None],
    tell: Callable[[str], None],
    tick: Callable[[int, int], None],
) -> tuple[np.ndarray, list[str]]:
    """The frames, and what quicker ways have cost.

    `say` is told by what it is dubbed, `tell` what is done now, `tick` the steps of it.
    """
    where, dtype = _place(ask.device)
    names, config, settings, steps = _checked(clip, ask)
    say(_said(ask.chosen, names.model, settings))
    try:
        parts = loaded(names, config, ask.prompt, where, dtype, lambda what: tell(f"loading {what}"))
        costs = _sped_up(parts, clip, settings, ask, tell)
        tell("listening")
        made = dub(parts, clip.frames, clip.heard, settings, tick)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{where} has too little memory for {clip.video}: scale it down, or give --device cpu"
        ) from error
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{clip.video} could not be dubbed with {clip.sound}: {error}") from error
    costs += _idle(parts, settings)
    if settings.reuse:
        costs.append(
            f"{made.left_out} of {steps} steps were left out, which led at most {made.error:.1%} of the way astray."
        )
    return made.video_FHWC, costs


def _sped_up(
    parts: Networks, clip: Clip, settings: Settings, ask: Asked, tell: Callable[[str], None]
) -> list[str]:
    costs = []
    use_flash_attention_3()
    if ask.float8:
        tell("trying float8")
        change = in_float8(parts.dit, input_halfway(parts, clip.frames, clip.heard, settings))
        costs.append(f"In float8 a velocity of the first clip changed by {change:.1%}.")
    if ask.compile:
        compiled(parts.dit)
    return costs


def _idle(parts: Networks, settings: Settings) -> list[str]:
    """A sentence for each expert that has no step of its own: few steps may pass its noise levels over."""
    on = {expert_at(t) for t in schedule(settings.steps, settings.shift)[: settings.steps]}
    return [
        f"The expert {name!r} was never on: none of the {settings.steps} steps falls between noise levels "
        f"{EXPERTS[name][0]:g} and {EXPERTS[name][1]:g}; take more steps."
        for name in vars(parts.dit).get("peft_config", {})
        if name not in on
    ]


def _reference(name: str) -> str:
    known = find(name)
    return known.reference if known else name


def _place(device: str) -> tuple[str, torch.dtype]:
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return device, torch.float32
    there = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if device not in (there and ["cuda", *there]):
        raise ModelError(
            f"torch finds no {device!r} here; give --device {' or '.join(['cpu', *there])}, or mend the GPU's driver"
        )
    return device, torch.bfloat16


def side_by_side(frames: np.ndarray, made: np.ndarray) -> Iterator[np.ndarray]:
    """Small ones are enlarged, by a whole number."""
    times = max(1, -(-SEEN // made.shape[2]))
    for place, one in zip(there_and_back(len(frames), len(made)), made, strict=True):
        yield np.concatenate([frames[place], one], axis=1).repeat(times, axis=0).repeat(times, axis=1)
