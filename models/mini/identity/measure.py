"""Measures an identity network on strangers: how well it tells two pictures of one person from those of two."""

import numpy as np

from models.faces.identity import ArcFaceEmbedder
from models.mini.identity.train import PICTURE
from models.mini.world_pictures import make_shot

FLOORS = {"auc": 0.97}


def measure(reference: str, people: int, seed: int = 77) -> dict[str, float]:
    """Measures the network on that many strangers, each in four scenes."""
    return judge(ArcFaceEmbedder(reference), seed, people)


def judge(embedder: ArcFaceEmbedder, seed: int, strangers: int, scenes: int = 4) -> dict[str, float]:
    """Compares every two pictures of different scenes, of one person or of two: how well the cosine tells which."""
    vectors, who, where = [], [], []
    for person in range(strangers):
        for scene in range(scenes):
            shot = make_shot(seed * 1000 + 500 + scene, person, 1, "close", PICTURE, occluded=0.3)
            vectors.append(embedder.embed(shot.rgb_FHWC[0], shot.five_F52[0]))
            who.append(person)
            where.append(scene)
    cosine_NN, who_N, where_N = np.stack(vectors) @ np.stack(vectors).T, np.array(who), np.array(where)
    same_NN = who_N[:, None] == who_N
    one_N, two_M = cosine_NN[same_NN & (where_N[:, None] < where_N)], cosine_NN[np.triu(~same_NN)]
    threshold = float(np.quantile(two_M, 0.99))
    numbers = {
        "people": float(strangers),
        "auc": auc(one_N, two_M),
        "threshold_far_1pc": threshold,
        "tar_at_far_1pc": float((one_N > threshold).mean()),
        "same_mean": float(one_N.mean()),
        "other_mean": float(two_M.mean()),
    }
    return {name: round(value, 4) for name, value in numbers.items()}


def auc(same_N: np.ndarray, other_M: np.ndarray) -> float:
    """Returns how often a pair of one person's pictures is the more alike of two pairs."""
    return float(np.searchsorted(np.sort(other_M), same_N).mean() / len(other_M))
