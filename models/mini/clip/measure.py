"""Measures a CLIP picture tower on strangers: how often it finds the other frame of a scene."""

import numpy as np
import torch

from models.likeness.clip import ClipLikeness
from models.mini.augment import vary
from models.mini.clip.corpus import SIDE
from models.mini.world_pictures import make_shot

FLOORS = {"retrieval": 0.9}


def measure(reference: str, people: int, seed: int = 1) -> dict[str, float]:
    """Seeks a frame of each stranger, as another camera would have taken it, among frames of all of them."""
    likeness, noise = ClipLikeness(reference), torch.Generator().manual_seed(seed)
    shots_PFHWC = np.stack(
        [make_shot(seed + 500, person, 2, "close", (SIDE, SIDE)).rgb_FHWC for person in range(people)]
    )
    sought_P3HW = vary(torch.from_numpy(shots_PFHWC[:, 0]).permute(0, 3, 1, 2).float(), noise)
    sought_PHWC = sought_P3HW.permute(0, 2, 3, 1).round().byte().numpy()
    cosine_PP = likeness.embed(list(sought_PHWC)) @ likeness.embed(list(shots_PFHWC[:, 1])).T
    own_P = np.diag(cosine_PP)
    numbers = {
        "retrieval": np.mean(cosine_PP.argmax(1) == np.arange(people)),
        "own_cosine": own_P.mean(),
        "other_cosine": (cosine_PP.sum() - own_P.sum()) / (people * (people - 1)),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}
