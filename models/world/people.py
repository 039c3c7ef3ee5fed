"""Makes people of the world: a shape, looks and a voice from a seed."""

from dataclasses import dataclass

import numpy as np

from models.world.body.head import head
from models.world.body.looks import Looks, make_looks
from models.world.body.morphable import MorphableHead
from models.world.sound.voice import Voice, make_voice

STYLES = {
    "bald": (0.06, {}),
    "short": (0.26, {"hair": 1.0, "hair_volume": (0.0, 0.5)}),
    "full": (0.14, {"hair": 1.0, "hair_volume": (0.6, 1.2), "hair_parted": (-1.0, 1.0)}),
    "receding": (0.08, {"hair": 0.9, "hair_recedes": (0.6, 1.2)}),
    "fringe": (
        0.10,
        {"hair": 1.0, "hair_volume": (0.2, 0.8), "hair_fringe": (0.6, 1.0), "hair_long": (0.0, 0.5)},
    ),
    "long": (
        0.20,
        {"hair": 1.0, "hair_volume": (0.2, 0.8), "hair_long": (0.6, 1.0), "hair_parted": (-0.8, 0.8)},
    ),
    "bun": (0.09, {"hair": 1.0, "hair_volume": (0.0, 0.3), "hair_bun": 1.0}),
    "tail": (0.07, {"hair": 1.0, "hair_volume": (0.0, 0.4), "hair_tail": 1.0}),
}
"""Share of people, and the coefficients of the hair: fixed, or from a range."""
PAINTED = ("full", "fringe", "long", "bun", "tail")
"""Styles that go with painted lips, more often than with a beard."""


@dataclass(frozen=True)
class Person:
    """Somebody of the world."""

    seed: int
    shape_K: np.ndarray
    """Coefficients of the head's identity basis, hair and beard included."""
    style: str
    looks: Looks
    voice: Voice

    @property
    def skin(self) -> np.ndarray:
        return self.looks.skin_3

    @property
    def hair(self) -> np.ndarray:
        return self.looks.hair_3


def make_person(seed: int) -> Person:
    """Makes the person with that seed."""
    rng = np.random.default_rng([seed, 0xFACE])
    model = head()
    shares = np.array([share for share, _ in STYLES.values()])
    style = str(rng.choice(list(STYLES), p=shares / shares.sum()))
    looks = make_looks(rng, style in PAINTED, len(model.albedo_names))
    return Person(seed, _shape(rng, model, style, looks), style, looks, make_voice(rng))


def _shape(rng: np.random.Generator, model: MorphableHead, style: str, looks: Looks) -> np.ndarray:
    shape = dict(
        zip(
            model.identity_names,
            np.clip(0.85 * rng.normal(0, 1, len(model.identity_names)), -1.7, 1.7),
            strict=True,
        )
    )
    for name in shape:
        if name.startswith("hair"):
            shape[name] = 0.0
    for name, value in STYLES[style][1].items():
        shape[name] = rng.uniform(*value) if isinstance(value, tuple) else value
    shape["beard"] = max(0.0, looks.beard - 0.4) * rng.uniform(0.3, 2.0)
    shape["collar"] = {"shirt": 1.0, "high": 1.4}.get(looks.neckline, 0.0)
    return np.array([shape[name] for name in model.identity_names], np.float32)
