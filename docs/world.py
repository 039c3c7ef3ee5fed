"""Makes docs/world.jpg: people of the world and the shapes of their mouths, then what may hide them.

python docs/world.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.world.direct import make_scene
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.render import render
from storage.media.images import encode_jpeg

SIDE = 128
MOUTHS_83 = np.array(
    [(0, 0, 0), (0.3, 0, 0), (0.7, 0, 0), (1, 0, 0), (0.15, 1, 0), (0.6, 0.8, 0), (0.2, -1, 1), (0.6, -0.6, 0.6)],
    np.float32,
)  # fmt: skip
"""Opening, width, protrusion: shut, three times wider, ee, ae, oo, oh."""


def speaking(seed: int) -> np.ndarray:
    """One person, eight mouths, all else still."""
    rng = np.random.default_rng(seed)
    scene = make_scene(rng, make_person(seed), 8)
    still = {name: np.repeat(getattr(scene, name)[:1], 8, 0) for name in ("pose_F3", "shift_F2", "gaze_F2")}
    scene = replace(scene, blink_F=np.zeros(8), **still)
    return np.concatenate(list(render(scene, MOUTHS_83, (SIDE, SIDE)).rgb_FHWC), 1)


def hidden(seed: int) -> np.ndarray:
    """Each of the first eight kinds of thing before another person, when it covers most."""
    tiles = []
    for i, kind in enumerate(KINDS[:8]):
        scene = make_scene(np.random.default_rng([seed, i]), make_person(seed + i), 60, occluder=kind)
        made = render(scene, np.full((60, 3), (0.4, 0, 0), np.float32), (SIDE, SIDE))
        tiles.append(made.rgb_FHWC[made.visible_FL.sum(1).argmin()])
    return np.concatenate(tiles, 1)


if __name__ == "__main__":
    rows = [*(speaking(seed) for seed in (1, 3, 4, 14, 17, 7)), *(hidden(seed) for seed in (20, 40))]
    Path(__file__).with_name("world.jpg").write_bytes(encode_jpeg(np.concatenate(rows, 0), 90))
