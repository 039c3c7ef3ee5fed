"""Follows things through a clip: a box on one frame in, a mask on every frame out.

Which back-end does it, and its weights, is the recipe's choice.
"""

from typing import Literal

from models.segment.segmenter import Segmenter

Kind = Literal["sam2", "official"]


def load_segmenter(kind: Kind, reference: str) -> Segmenter:
    """Loads a segmenter, and imports only what that kind needs: the official package is not part of the default install."""
    if kind == "official":
        from models.segment.official import OfficialSegmenter

        return OfficialSegmenter(reference)
    from models.segment.sam2 import Sam2Segmenter

    return Sam2Segmenter(reference)
