"""Makes docs/generator.jpg: what the mini generator paints for strangers, beside the source and the truth.

python docs/generator.py
"""

from pathlib import Path

import numpy as np

from models.dit.checkpoint import load
from models.dit.painting import Sampling
from models.mini.generator.measure import measured
from models.mini.generator.strangers import FIRST, strangers
from storage.media.images import encode_jpeg

PEOPLE, MOMENTS, LARGER = 8, (2, 9, 16, 23), 2


def main() -> None:
    """Three rows a moment: the source, the truth for the new sound, and what was painted."""
    people = strangers(FIRST, PEOPLE)
    _, made_NFHWC = measured(load("mini:generator"), people, Sampling())
    rows = []
    for moment in MOMENTS:
        source, truth = ([one.pair.rgb_2FHWC[k][moment] for one in people] for k in (1, 0))
        rows += [np.concatenate(list(row), 1) for row in (source, truth, made_NFHWC[:, moment])]
    sheet_HWC = np.concatenate(rows).repeat(LARGER, 0).repeat(LARGER, 1)
    (Path(__file__).parent / "generator.jpg").write_bytes(encode_jpeg(sheet_HWC, 88))


if __name__ == "__main__":
    main()
