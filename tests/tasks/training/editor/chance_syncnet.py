"""Writes a SyncNet that hears nothing: a teacher at chance."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.sync.net import MINI, Net


def chance_syncnet(folder: Path) -> Path:
    """The mini SyncNet's sizes with random weights."""
    torch.manual_seed(0)
    file = folder / "chance.safetensors"
    save_file(Net(MINI).state_dict(), file, {"about": json.dumps({"sizes": asdict(MINI)})})
    return file
