"""Saves and loads experts, one file each.

It holds the expert's own tensors and none of the net's, which are a hundred times as many.

A file says what it is, and for what kind of net, in its header's "about" under `EXPERT`; one for another net is refused
by name, and the net left as it was.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.dit.checkpoint import EXPERT, SHOWN, compared
from models.dit.experts import LAYERS, Expert, attached, check_attached, inject, own_shapes, sizes_of
from models.dit.net import VideoDit
from models.weights.references import ModelError, resolve


def save(net: VideoDit, name: str, path: str | Path, also: Mapping[str, Any] | None = None) -> None:
    """Writes one file, whole or not at all, of this expert's tensors and none of the net's.

    `also`: what else the file is to say of itself (licence, trained_on, ...).
    """
    check_attached(net, name)
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in _state(net, name).items()}
    _check_finite(tensors, f"the expert {name!r} is not saved")
    expert = _expert(net, name, {key.split(".")[2] for key in tensors})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(tensors, temporary, {"about": json.dumps({**(also or {}), EXPERT: asdict(expert)})})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(net: VideoDit, reference: str | Path) -> str:
    """Attaches the expert that a file holds, and returns its name. Refused files change nothing."""
    expert, tensors = examined(net, reference)
    inject(net, expert)
    set_peft_model_state_dict(net, tensors, adapter_name=expert.name)
    return expert.name


def examined(net: VideoDit, reference: str | Path) -> tuple[Expert, dict[str, Tensor]]:
    """Reads what a file holds, if it is for such a net; that may be on the meta device."""
    path = resolve(str(reference))
    expert, tensors = _read(path)
    if expert.name in attached(net):
        raise ModelError(f"{path} is a second {expert.name!r}; use a fresh net for it")
    _check_fit(path, expert, net, {key: tuple(tensor.shape) for key, tensor in tensors.items()})
    _check_finite(tensors, f"{path} is damaged")
    return expert, tensors


def _expert(net: VideoDit, name: str, parts: set[str]) -> Expert:
    configs: dict[str, LoraConfig] = vars(net)["peft_config"]
    layers = tuple(part for part in LAYERS if part in parts)
    return Expert(name, configs[name].r, configs[name].lora_alpha, layers, sizes_of(net.config))


def _state(net: VideoDit, name: str) -> dict[str, Tensor]:
    return get_peft_model_state_dict(net, adapter_name=name, save_embedding_layers=False)


def _read(path: Path) -> tuple[Expert, dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            expert = _described(path, file.metadata() or {})
            return expert, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): it is truncated, or no safetensors; copy it again"
        ) from error


def _described(path: Path, metadata: dict[str, str]) -> Expert:
    try:
        said = json.loads(metadata.get("about", "{}")).get(EXPERT)
        if said is None:
            raise ModelError(
                f"{path} is no expert: nothing in it says so; give a file that `experts.save` wrote"
            )
        said = json.loads(said) if isinstance(said, str) else said
        name, layers, net = str(said["name"]), tuple(said["layers"]), dict(said["net"])
        return Expert(name, int(said["rank"]), int(said["alpha"]), layers, net)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"{path} is no expert that this version knows ({error}); train it again, or update"
        ) from error


def _check_fit(path: Path, expert: Expert, net: VideoDit, shapes: dict[str, tuple[int, ...]]) -> None:
    wanted, ours = own_shapes(net, expert), sizes_of(net.config)
    fit = compared(expert.name, net.config, shapes, wanted)
    other = [
        f"{size} {value}, not {ours.get(size)}"
        for size, value in expert.net.items()
        if value != ours.get(size)
    ]
    if other or not fit.whole:
        why = "; ".join(part for part in (", ".join(other[:SHOWN]), fit.said()) if part)
        raise ModelError(f"{path} is an expert for another net: {why}; load the net it was trained over")


def _check_finite(tensors: dict[str, Tensor], consequence: str) -> None:
    broken = [key for key, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelError(
            f"{consequence}: NaN or infinite numbers in {len(broken)} tensors ({', '.join(broken[:SHOWN])}); "
            "take an earlier file"
        )
