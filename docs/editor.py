"""Makes docs/editor.jpg: what the mini editor makes of strangers, beside the source, the truth and the generator.

python docs/editor.py
"""

from pathlib import Path

import numpy as np

from models.dit.checkpoint import load
from models.dit.painting import Sampling
from models.dubbing.suited import settings_of
from models.mini.editor.measure import EDITOR, measured, opened, shipped_experts
from models.mini.generator.measure import measured as measured_generator
from models.mini.generator.strangers import FIRST, strangers
from storage.media.images import encode_jpeg

PEOPLE, MOMENTS, LARGER = 8, (2, 12, 21), 2


def main() -> None:
    """Four rows a moment: the source, the truth for the new sound, the generator's, the editor's."""
    people = strangers(FIRST, PEOPLE)
    _, painted_NFHWC = measured_generator(load("mini:generator"), people, Sampling())
    net = opened(EDITOR, shipped_experts())
    _, edited_NFHWC = measured(net, people, settings_of(EDITOR))
    rows = []
    for moment in MOMENTS:
        source, truth = ([one.pair.rgb_2FHWC[k][moment] for one in people] for k in (1, 0))
        made = (painted_NFHWC[:, moment], edited_NFHWC[:, moment])
        rows += [np.concatenate(list(row), 1) for row in (source, truth, *made)]
    sheet_HWC = np.concatenate(rows).repeat(LARGER, 0).repeat(LARGER, 1)
    (Path(__file__).parent / "editor.jpg").write_bytes(encode_jpeg(sheet_HWC, 88))


if __name__ == "__main__":
    main()
