"""Reads what a file or folder of weights says of itself: its licence, what it is, what it was trained on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.weights.references import ModelError

FREE = ("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0")
"""Licences that a file may name for itself and that allow commercial use."""


WORLD_ALONE = ("procedural world", "no real footage")
"""What the weights of a mini model say that they were trained on."""


def knows_only_the_world(said: Mapping[str, Any]) -> bool:
    """Whether weights say of themselves that they never saw anything but the procedural world.

    False where they say nothing of it: then nobody knows.
    """
    learnt = str(said.get("trained_on", ""))
    return all(words in learnt for words in WORLD_ALONE)


def is_free(licence: str) -> bool:
    """Whether commercial use is allowed: by each of several that hold together, "Apache-2.0 AND CC0-1.0"."""
    return all(one in FREE for one in licence.split(" AND "))


def about(path: Path) -> dict[str, Any]:
    """Returns what weights say of themselves (licence, what, trained_on, ...); empty when they say nothing."""
    try:
        if path.is_dir():
            said = path / "about.json"
            return dict(json.loads(said.read_text())) if said.is_file() else {}
        metadata = _metadata(path)
        return dict(json.loads(metadata["about"])) if "about" in metadata else metadata
    except ValueError as error:
        raise ModelError(f"what {path} says about itself is not JSON: {error}; mend or remove it") from error


def _metadata(path: Path) -> dict[str, Any]:
    """Heavy libraries are imported for the files that need them: recipes import this module."""
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np") as stored:
                return stored.metadata() or {}
        except SafetensorError as error:
            raise ModelError(f"{path} is no safetensors file, or a damaged one: {error}") from error
    if path.suffix == ".onnx":
        from models.weights.onnxfile import session

        return dict(session(str(path))[0].get_modelmeta().custom_metadata_map)
    return {}
