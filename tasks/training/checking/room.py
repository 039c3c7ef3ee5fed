"""Counts what a training takes: bytes of checkpoints where they go, and bytes of memory of each worker.

Activations are counted on the meta device: shapes without numbers, whatever the net's size.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from infra.profiles import Profile
from models.dit.config import DitConfig
from models.dit.inputs import DitInput
from models.dit.presets import on_meta
from tasks.training.checking.finding import Finding, ok, refuse

GB = 1e9
STATE = 16
"""Bytes of a parameter in a checkpoint: value, two tensors of the optimizer, average, each in 32 bits."""
EXPORT = 4
USABLE = 0.92
"""Of a GPU's memory: the rest is the driver's, and lost between tensors."""


def disk(root: str, parameters: int, kept: int) -> Iterator[Finding]:
    """Whether the checkpoints that are kept, and the one that is being written, fit."""
    needed = (kept + 1) * parameters * (STATE + EXPORT)
    if "://" in root:
        yield ok(f"checkpoints take {_size(needed)} of {root}, whose room is not known")
        return
    free = shutil.disk_usage(_there(Path(root))).free
    said = f"{kept + 1} checkpoints of {_size(parameters * (STATE + EXPORT))} take {_size(needed)}"
    if free < needed:
        yield refuse(
            f"{said}, and {_size(free)} are free where they go ({root}): make room (`redub gc`, `redub runs drop`), "
            "lower keep, or take another catalog"
        )
    else:
        yield ok(f"{said}; {_size(free)} are free")


def _there(path: Path) -> Path:
    """The nearest folder that exists."""
    return path if path.exists() else _there(path.parent)


@dataclass(frozen=True)
class Taken:
    """Bytes of one worker."""

    state: int
    """Parameters, gradients, optimizer, average: what stays from step to step."""
    activations: int
    """Of one micro-batch."""

    @property
    def all(self) -> int:
        return self.state + self.activations


def state_bytes(parameters: int, profile: Profile, averaged: bool) -> int:
    """As infra/sharding holds them; the average lies with the net only where nothing is sharded or rounded."""
    training, world = profile.training, profile.training.fewest
    low = training.dtype == "bf16"
    values, master, gradients, optimizer = (2, 4, 4, 8) if low else (4, 0, 4, 8)
    split = [world if training.zero >= level else 1 for level in (3, 1, 2, 1)]
    each = sum(size / by for size, by in zip((values, master, gradients, optimizer), split, strict=True))
    average = 4 if averaged and not low and not training.zero else 0
    return round(parameters * (each + average))


def frozen_bytes(parameters: int, profile: Profile) -> int:
    """Of what is only read; each worker has all of it."""
    return parameters * (2 if profile.training.dtype == "bf16" else 4)


def activation_bytes(
    config: DitConfig, shape: tuple[int, int, int], dtype: torch.dtype, recompute: bool, shown: int = 1
) -> int:
    """What the backward pass of one sample waits for; `shape` is its latent frames, height and width.

    `shown` are the latent frames beside it: one of the generator's, all of the companion's of the editor.

    Attention keeps no matrix of all tokens by all tokens, as the meta device's does: those are left out.
    """
    net = on_meta(replace(config, preconditioned=False)).to(dtype)
    own = {one.untyped_storage()._cdata for one in net.parameters()}
    held: dict[int, Tensor] = {}

    def keep(one: Tensor) -> Tensor:
        if one.untyped_storage()._cdata not in own and not _of_attention(one, config.heads):
            held[one.untyped_storage()._cdata] = one
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        net(example(config, shape, dtype, "meta", shown))
    whole = sum(one.untyped_storage().nbytes() for one in held.values())
    return _recomputed(whole, config, shape, dtype, shown) if recompute else whole


def _of_attention(one: Tensor, heads: int) -> bool:
    *others, rows, columns = one.shape if one.ndim > 1 else (1, 0, 1)
    count = torch.Size(others).numel()
    return rows == columns and count > 0 and count % heads == 0


def _recomputed(
    whole: int, config: DitConfig, shape: tuple[int, int, int], dtype: torch.dtype, shown: int
) -> int:
    """Each block keeps what went in; one block at a time has all of its own."""
    frames, height, width = shape
    tokens = (frames + shown) * height * width // config.patch**2
    return whole // config.layers + config.layers * tokens * config.dim * dtype.itemsize


def example(
    config: DitConfig, shape: tuple[int, int, int], dtype: torch.dtype, device: str, shown: int = 1
) -> DitInput:
    """An input of this size, of zeros, or of nothing on the meta device."""

    def empty(*sizes: int) -> Tensor:
        return torch.zeros(1, *sizes, device=device, dtype=dtype)

    frames, height, width = shape
    latents = empty(config.channels * config.stacked, frames + shown, height, width)
    audio = empty(frames, config.audio.window, config.audio.features)
    return DitInput(
        latents, (shown, 0, frames), empty(3), audio, empty(1, config.text) if config.text else None
    )


def memory(taken: Taken, profile: Profile) -> Iterator[Finding]:
    """Whether one worker fits on its GPU, or all of them into this machine."""
    said = f"a worker takes about {_size(taken.all)} ({_size(taken.activations)} of them activations)"
    gpu = profile.training.gpus > 0
    if gpu and not profile.gpu_memory_gb:
        yield ok(f"{said}; profile {profile.name!r} doesn't say how much its GPUs have (gpu_memory_gb)")
        return
    have = USABLE * GB * (profile.gpu_memory_gb or 0) if gpu else memory_here() / profile.training.fewest
    where = f"a GPU of profile {profile.name!r}" if gpu else "this machine"
    if taken.all > have:
        remedy = (
            "lower micro, set recompute=true, raise zero, or take a smaller preset"
            if gpu
            else "take a profile "
        )
        remedy += "" if gpu else "with GPUs, or a smaller preset"
        yield refuse(f"{said}, and {where} has {_size(have)} for it: {remedy}")
    else:
        yield ok(f"{said}; {where} has {_size(have)}")


def memory_here() -> int:
    """Bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _size(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / 1e6:.0f} MB"
