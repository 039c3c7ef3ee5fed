"""Dubs a clip that was read: checks the request without weights, loads the networks, runs them.

Whatever can be refused is refused before weights are loaded, which takes minutes: the files are decoded, the headers
of the weights are read, and the whole request is checked against networks on the meta device.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from flows.dubbing.clip_files import Clip
from models.dit.config import DitConfig
from models.dit.speedup import compiled, in_float8, use_flash_attention_3
from models.dubbing.dub import dub, input_halfway, there_and_back
from models.dubbing.networks import References, editor_config, loaded, on_meta_device
from models.dubbing.request import Networks, Settings, check
from models.weights.known import find
from models.weights.references import ModelError
from storage.sources.listing import SourceError


@dataclass(frozen=True)
class Asked:
    weights: dict[str, str]
    experts: tuple[str, ...]
    prompt: str
    device: str
    settings: dict[str, Any]
    compile: bool
    float8: bool


def _checked(clip: Clip, ask: Asked) -> tuple[References, DitConfig, Settings, int]:
    """The request, and how many steps it takes: checked with networks on the meta device, before any are loaded."""
    weights = {what: _reference(one) for what, one in ask.weights.items()}
    names, settings = References(**weights, experts=ask.experts), Settings(**ask.settings)
    config = editor_config(names)
    parts = on_meta_device(names, config, ask.prompt)
    try:
        frames = check(parts, clip.frames, clip.heard, settings)
    except ValueError as error:
        raise SourceError(f"{clip.video} cannot be dubbed with {clip.sound}: {error}") from error
    return names, config, settings, settings.clips(frames) * settings.steps


def dubbed(
    clip: Clip, ask: Asked, tell: Callable[[str], None], tick: Callable[[int, int], None]
) -> tuple[np.ndarray, list[str]]:
    """The frames, and what quicker ways have cost. `tell` is told what is done now, `tick` the steps of it."""
    where, dtype = _place(ask.device)
    names, config, settings, steps = _checked(clip, ask)
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
    for place, one in zip(there_and_back(len(frames), len(made)), made, strict=True):
        yield np.concatenate([frames[place], one], axis=1)
