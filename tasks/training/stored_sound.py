"""Reads what the stage `hearing` kept of training windows: only the features that they hear.

B samples, F latent frames, N features a latent frame of A numbers: those of all layers that were kept.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.audio.packed import span, unpack_span
from models.audio.windows import windows_of_latents
from storage.batches.place import Place
from storage.batches.windows import Windows

STAGE, COLUMN = "hearing", "heard"


def features(windows: Windows, places: Sequence[Place], latents: int, spread: int) -> Tensor:
    """Float32 (B, F, N, A): about each latent frame, and `spread` frames to either side of its own."""
    near = [
        windows_of_latents(place.first, latents, windows.count("hearing_positions", place), spread)
        for place in places
    ]
    sizes = [
        (windows.count("hearing_layers", place), windows.count("hearing_numbers", place)) for place in places
    ]
    firsts = [int(near_FN.min()) for near_FN in near]
    counts = [int(near_FN.max()) + 1 - first for near_FN, first in zip(near, firsts, strict=True)]
    parts = [
        (row, *span(first, count, *size))
        for row, first, count, size in zip(windows.rows(STAGE, places), firsts, counts, sizes, strict=True)
    ]
    heard = windows.blobs.parts(STAGE, COLUMN, parts)
    found = [
        unpack_span(data, *size)[near_FN - first].reshape(*near_FN.shape, -1)
        for data, size, near_FN, first in zip(heard, sizes, near, firsts, strict=True)
    ]
    return torch.from_numpy(np.stack(found)).float()
