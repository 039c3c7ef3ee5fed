"""Adapts the editor by LoRA experts.

They are small adapters over a frozen net, each on between its own noise levels (section 3.3).

Where an expert is on, each W it adapts acts as W + alpha / rank B A; the arithmetic is peft's. The net stays a
`VideoDit`, and an expert is one small file beside the net's own. Importing this module imports peft, and with it
transformers, which takes seconds: do so only where experts are used.
"""

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as Adapted
from peft.tuners.tuners_utils import cast_adapter_dtype
from torch import Tensor, nn

from models.dit.config import DitConfig
from models.dit.flow import EXPERTS, expert_at
from models.dit.net import VideoDit
from models.dit.presets import on_meta

RANK = 32
"""Ours, for the paper names none: 104 M parameters for `wan2.2-5b-xdub`, 1.7 % of it. Alpha is as much, unless given."""
LAYERS = ("spatial_attn", "self_attn", "cross_attn", "audio_attn", "ffn")
"""Parts of a block, where it has them. The lip expert needs all: audio attention decides which mouth belongs to a
sound, 3D attention and FFN draw it."""


@dataclass(frozen=True)
class Expert:
    """What a file of an expert says about itself (models/dit/expertfile.py)."""

    name: str
    rank: int
    alpha: int
    layers: tuple[str, ...]
    net: dict[str, int | float | bool]
    """Config of the net it was made for. Which weights that had is for the training's records to say."""

    def __post_init__(self) -> None:
        if self.name not in EXPERTS:
            raise ValueError(f"there is no expert {self.name!r}, but {' and '.join(EXPERTS)}")
        if min(self.rank, self.alpha) < 1:
            raise ValueError(f"rank {self.rank} and alpha {self.alpha} have to be 1 or more")
        if not self.layers or not set(self.layers) <= set(LAYERS):
            raise ValueError(f"an expert adapts some of {', '.join(LAYERS)}, not {self.layers}")


def attach(
    net: VideoDit, name: str, rank: int = RANK, alpha: int | None = None, layers: Collection[str] = LAYERS
) -> None:
    """Attaches a new expert in place: it adds nothing before it has learnt, is frozen like the net, and is off.

    Its weights are in 32 bits even where the net's are in 16: a step of 5e-6 is lost on a bfloat16, whose neighbour is
    1/256 of itself away, or more. Experts that were there before stay as they are.
    """
    expert = Expert(name, rank, rank if alpha is None else alpha, tuple(layers), sizes_of(net.config))
    if name in attached(net):
        raise ValueError(f"{name!r} is attached already; use a fresh net for another {name!r}")
    if not own_shapes(net, expert):
        raise ValueError(f"this net's blocks have no {', '.join(layers)} to adapt")
    inject(net, expert)


def parameters_to_train(net: VideoDit, name: str) -> list[nn.Parameter]:
    """Makes one expert the only thing that learns, switches it on, and returns its parameters for an optimiser."""
    check_attached(net, name)
    learning = [*_parameters(net, name)]
    net.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_()
    switch(net, name)
    return learning


def attached(net: VideoDit) -> tuple[str, ...]:
    """Returns the names of the experts that a net has."""
    return tuple(getattr(net, "peft_config", ()))


def active(net: VideoDit) -> str | None:
    """Returns the name of the expert that is on, or None."""
    first = next(_adapted(net), None)
    return first.active_adapters[0] if first and first.active_adapters else None


def switch(net: VideoDit, name: str | None) -> None:
    """Switches this expert on and all others off; None leaves all off. What requires a gradient still does."""
    check_attached(net, name)
    if active(net) == name:
        return
    for layer in _adapted(net):
        trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
        layer.set_adapter([] if name is None else [name], inference_mode=True)
        for parameter in trained:  # peft takes what is off for what is not trained
            parameter.requires_grad_()


def switch_at(net: VideoDit, t: float) -> None:
    """Switches to the expert that sampling at noise level t wants, of those that the net has."""
    name = expert_at(t)
    switch(net, name if name in attached(net) else None)


@contextmanager
def as_before(net: VideoDit) -> Iterator[None]:
    """Switches the expert on again that is on now, or none, after others were."""
    before = active(net)
    try:
        yield
    finally:
        switch(net, before)


def base_state(net: VideoDit) -> dict[str, Tensor]:
    """Returns `net.state_dict()` without experts, by the names a checkpoint has; attached ones change those."""
    state = net.state_dict()
    return {key.replace(".base_layer.", "."): state[key] for key in state if ".lora_" not in key}


def inject(net: VideoDit, expert: Expert) -> None:
    """Attaches an expert that is checked already."""
    before = active(net)
    config = LoraConfig(r=expert.rank, lora_alpha=expert.alpha, target_modules=_pattern(expert.layers))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are what we want
        inject_adapter_in_model(config, net, expert.name)
    cast_adapter_dtype(net, expert.name)
    for parameter in _parameters(net, expert.name):
        parameter.requires_grad_(False)
    switch(net, before)


def _adapted(net: VideoDit) -> Iterator[Adapted]:
    return (module for module in net.modules() if isinstance(module, Adapted))


def _parameters(net: VideoDit, name: str) -> Iterator[nn.Parameter]:
    for layer in _adapted(net):
        for pair in (layer.lora_A, layer.lora_B):
            if name in pair:
                yield from pair[name].parameters()


def _pattern(layers: Collection[str]) -> str:
    """Of the names of the Linears to adapt."""
    return rf"blocks\.\d+\.({'|'.join(layers)})\.([qkvo]|0|2)"


def own_shapes(net: VideoDit, expert: Expert) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the tensors that an expert of this kind has for this net."""
    shapes = _shapes(net, expert)
    if shapes != _shapes(on_meta(net.config), expert):
        raise ValueError(
            "this net's Linears are no longer its own (fused, or in float8); attach experts before that"
        )
    return shapes


def _shapes(net: VideoDit, expert: Expert) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for path, module in net.named_modules():
        if re.fullmatch(_pattern(expert.layers), path) and isinstance(module, nn.Linear | Adapted):
            outputs, inputs = module.weight.shape
            shapes[f"{path}.lora_A.weight"] = (expert.rank, inputs)
            shapes[f"{path}.lora_B.weight"] = (outputs, expert.rank)
    return shapes


def sizes_of(config: DitConfig) -> dict[str, int | float | bool]:
    """Returns a config as one flat dictionary, as an expert's file keeps it."""
    sizes = asdict(config)
    return sizes | {f"audio.{field}": value for field, value in sizes.pop("audio").items()}


def check_attached(net: VideoDit, name: str | None) -> None:
    """Raises ValueError where a net has no expert of that name."""
    if name is not None and name not in attached(net):
        raise ValueError(f"{name!r} is not attached; attached: {', '.join(attached(net)) or 'none'}")
