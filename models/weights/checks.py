"""Checks what is downloaded: whether there is room for it, whether it is what was promised, whether it could run code."""

import os
import shutil
import struct
from pathlib import Path

from models.weights.digests import file_digest
from models.weights.references import ModelError

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".model")
SPARE = 1 << 30
"""Bytes to leave free."""


def check_space(folder: Path, wanted: int) -> None:
    """Refuses a download that wouldn't leave room on the disk."""
    free = shutil.disk_usage(folder).free
    if wanted + SPARE > free:
        raise ModelError(
            f"{folder.parent} has {free / 1e9:.1f} GB free and {wanted / 1e9:.1f} GB are to come: make room, or "
            "let REDUB_MODELS name a folder on another disk"
        )


def check_digest(path: Path, expected: str, what: str) -> None:
    """Deletes and refuses a file that is not what was promised."""
    found = file_digest(path)
    if found != expected:
        path.unlink()
        raise ModelError(
            f"{what} is not what was promised: expected sha256 {expected}, found {found}. It "
            "was deleted; pull it again, and if that ends the same, ask the publisher what changed"
        )


def check_pickle(path: Path) -> None:
    """Deletes and refuses a pickle that holds more than tensors.

    A pickle may run any code when it is loaded; one that holds tensors alone loads without that.
    """
    if path.suffix not in PICKLES or _is_ctranslate2(path):
        return
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many classes, depending on what is wrong with it
        path.unlink()
        raise ModelError(
            f"{path.name} holds more than tensors, or is damaged, and was deleted ({error}); find the same "
            "weights as .safetensors or .onnx"
        ) from error


def _is_ctranslate2(path: Path) -> bool:
    """Whether its header is that of a CTranslate2 model, which is named like a pickle and begins as none can."""
    with path.open("rb") as file:
        version, length = struct.unpack("<IH", file.read(6).ljust(6, b"\0"))
        return 0 < version < 16 and file.read(min(length, 64)).endswith(b"Spec\0")


def filled(folder: Path) -> int:
    """Returns how many bytes lie in a folder that others are writing into."""
    sizes = 0
    for place, _, names in os.walk(folder):  # which passes over folders that are gone by then
        for name in names:
            try:
                sizes += (
                    os.stat(os.path.join(place, name)).st_blocks * 512
                )  # of a file with holes, what is filled
            except FileNotFoundError:
                continue  # renamed by those who write
    return sizes
