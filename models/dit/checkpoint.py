"""Says what a file of the DiT's weights is, and loads one straight to where it runs.

A net is made without memory, and each tensor is read, converted and put into place before the next: a GPU holds one
copy, and this machine's memory one tensor. Whatever does not fit is named before anything is read.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from models.dit.config import DitConfig
from models.dit.described import described, unlike
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, on_meta, stacked
from models.weights.references import ModelError, resolve

Shape = tuple[int, ...]
EXPERT = "redub_expert"
"""Under this a LoRA expert's file says what it is, in its header's "about" (models/dit/expertfile.py)."""
SHOWN = 3
"""Names in a message: enough to see what kind of tensor it is about."""


@dataclass(frozen=True)
class Fit:
    """Tells how a checkpoint's tensors compare to those of one net."""

    name: str
    config: DitConfig
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    """With both shapes."""
    shared: int
    """Tensors of the right name and shape."""

    @property
    def whole(self) -> bool:
        """Whether every tensor is there, none is too many, and all have the right shape."""
        return not (self.missing or self.unexpected or self.reshaped)

    def said(self) -> str:
        """Returns what does not fit in words, the first of each kind by name."""
        kinds = (
            (self.missing, "missing"),
            (self.unexpected, "unexpected"),
            (self.reshaped, "of another shape"),
        )
        return "; ".join(f"{len(names)} {kind} ({_first(names)})" for names, kind in kinds if names)


@dataclass(frozen=True)
class Contents:
    """Tells what a checkpoint is, from its headers alone."""

    path: Path
    tensors: int
    parameters: int
    fit: Fit
    """With the net that it says it is for; where it says none, with the nearest preset."""


def inspect(reference: str | Path) -> Contents:
    """Reads the headers of a checkpoint: the net it says it is for, or else the preset that is nearest to it."""
    path = resolve(str(reference))
    files = _files(path)
    shapes = _shapes_of_files(files)
    parameters = sum(torch.Size(shape).numel() for shape in shapes.values())
    return Contents(path, len(shapes), parameters, _own_fit(path, described([path, *files]), shapes))


def load(
    reference: str | Path,
    config: DitConfig | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    fresh: Collection[str] = (),
) -> VideoDit:
    """Loads a net for use or further training. Without a config, the checkpoint has to say its own, or be a preset.

    Tensors whose name holds one of `fresh` may be missing, and start as in a new net: ("audio", "norm4") takes
    a published Wan, which cannot hear yet.
    """
    path = resolve(str(reference))
    files = _files(path)
    shapes = _shapes_of_files(files)
    said = described([path, *files])
    own = _own_fit(path, said, shapes)
    fit = own if config is None else compared("the given config", config, shapes)
    lacking = [name for name in fit.missing if not any(part in name for part in fresh)]
    if lacking or fit.unexpected or fit.reshaped:
        raise ModelError(_refusal(path, fit, own))
    if said and (other := unlike(said, fit.config)):
        raise ModelError(f"{path} learnt with {other}, as in the given config; load it as what it is")
    net = on_meta(fit.config)
    net.load_state_dict(dict(_tensors(files, device, dtype)), strict=False, assign=True)
    _make(net, device, dtype)
    return net.eval()


def nearest(shapes: dict[str, Shape]) -> Fit:
    """Finds the preset that most of the tensors belong to; of two, the one that lacks less."""
    fits = [compared(name, config, shapes) for name, config in _known().items()]
    return max(fits, key=lambda fit: (fit.shared, -len(fit.missing)))


def _known() -> dict[str, DitConfig]:
    return {**PRESETS, **{f"{name} (stacked=2)": stacked(config) for name, config in PRESETS.items()}}


def _own_fit(path: Path, config: DitConfig | None, shapes: dict[str, Shape]) -> Fit:
    """How a checkpoint fits the net it says it is for, which has to be all of it, or the nearest preset."""
    if config is None:
        return nearest(shapes)
    named = f"a net of {config.layers} layers of {config.dim} numbers"
    name = next((name for name, known in _known().items() if known == config), named)
    if max(config.layers, config.audio.layers) > len(
        shapes
    ):  # such a net would take long to make, and be no other
        raise ModelError(f"{path} says that it is {name}, and has {len(shapes)} tensors; copy it again")
    fit = compared(name, config, shapes)
    if not fit.whole:
        raise ModelError(
            f"{path} says that it is {name}, and is not: {fit.said()}; copy it again, or mend what it says"
        )
    return fit


def compared(
    name: str, config: DitConfig, shapes: dict[str, Shape], wanted: dict[str, Shape] | None = None
) -> Fit:
    """Compares tensors to those of a net; to all of it, unless it is told which are `wanted`."""
    wanted = _shapes_of(config) if wanted is None else wanted
    both = [key for key in wanted if key in shapes]
    reshaped = [key for key in both if shapes[key] != wanted[key]]
    return Fit(
        name,
        config,
        tuple(key for key in wanted if key not in shapes),
        tuple(key for key in shapes if key not in wanted),
        tuple(f"{key} {list(shapes[key])} for {list(wanted[key])}" for key in reshaped),
        len(both) - len(reshaped),
    )


def _refusal(path: Path, fit: Fit, near: Fit) -> str:
    if not any(one.shared or one.reshaped for one in (near, fit)):
        return f"{path} is no video DiT: it has none of its tensors; give {', '.join(PRESETS)}, or a net of this project"
    if near.whole:
        return f"{path} is {near.name}, not {fit.name}: {fit.said()}; load it as what it is"
    return (
        f"{path} does not fit {fit.name}: {fit.said()}; copy it again if it is incomplete, give the config it has, "
        "or say which parts may start fresh"
    )


def _files(path: Path) -> list[Path]:
    """Of a folder: all its files of weights, of which the index, where there is one, names each."""
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.safetensors"))
    for index in path.glob("*.safetensors.index.json"):
        named = set(json.loads(index.read_text())["weight_map"].values())
        if absent := sorted(named - {file.name for file in files}):
            raise ModelError(
                f"{path} lacks {_first(absent)}, which {index.name} names; copy the folder again"
            )
    if not files:
        raise ModelError(f"{path} holds no .safetensors file; give a folder or file that does")
    return files


def _shapes_of_files(files: list[Path]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for path in files:
        with _opened(path) as file:
            shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    return shapes


def _tensors(files: list[Path], device: str, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    for path in files:
        with _opened(path, device) as file:
            for key in file.keys():  # noqa: SIM118
                yield key, file.get_tensor(key).to(dtype)


@contextmanager
def _opened(path: Path, device: str = "cpu") -> Iterator[safe_open]:
    try:
        with safe_open(path, "pt", device) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): it is truncated, or no safetensors; copy it again"
        ) from error


@lru_cache(maxsize=32)
def _shapes_of(config: DitConfig) -> dict[str, Shape]:
    return {key: tuple(tensor.shape) for key, tensor in on_meta(config).state_dict().items()}


def _make(net: nn.Module, device: str, dtype: torch.dtype) -> None:
    """Whatever is still without memory, as a new net has it; modules are fresh whole or not at all."""
    for module in net.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if any(tensor.is_meta for tensor in own):
            assert all(tensor.is_meta for tensor in own), "what was read would be lost"
            module.to_empty(device=device, recurse=False).to(dtype)
            module.reset_parameters()  # type: ignore[operator]


def _first(names: Collection[str]) -> str:
    return ", ".join(list(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def load_what_fits(net: VideoDit, reference: str | Path) -> Fit:
    """Loads into a net, in place, the tensors of a checkpoint that it has; the others stay as they are.

    So an editor starts from a generator. Of an input that is two latents over one another, the noised one's half is
    taken. Refused where no matrix of a block fits: the weights are another network's.
    """
    path = resolve(str(reference))
    files, own = _files(path), net.state_dict()
    given = {key: _narrowed(key, value, own) for key, value in _tensors(files, "cpu", torch.float32)}
    fit = compared("the net", net.config, {key: tuple(value.shape) for key, value in given.items()})
    fitting = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
    if not any(key.startswith("blocks.") and value.ndim > 1 for key, value in fitting.items()):
        raise ModelError(f"{path} fits no block of this net: {fit.said()}; give weights of a net of its size")
    said = described([path, *files])
    if said and said.heads != net.config.heads:
        raise ModelError(
            f"{path} learnt with {said.heads} heads, and this net has {net.config.heads}; give others"
        )
    net.load_state_dict(fitting, strict=False)
    return fit


def fit_of(reference: str | Path, config: DitConfig, whole: bool = False) -> Fit:
    """Tells from headers alone how a checkpoint fits a net into which `load_what_fits` would load it.

    `whole`: into which `load` would.
    """
    own, shapes = _shapes_of(config), _shapes_of_files(_files(resolve(str(reference))))
    first = "patch_embedding.weight"
    if not whole and first in shapes and shapes[first][1] > own[first][1]:
        shapes[first] = (shapes[first][0], own[first][1], *shapes[first][2:])
    return compared("the net", config, shapes)


def _narrowed(key: str, value: Tensor, own: dict[str, Tensor]) -> Tensor:
    """Of the first layer, the last channels: they are the noised latents' (models/dit/inputs.py)."""
    if key == "patch_embedding.weight" and key in own and own[key].shape[1] < value.shape[1]:
        return value[:, -own[key].shape[1] :]
    return value
