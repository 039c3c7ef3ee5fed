"""Reads mouths and faces off what a generator made, in the clip's own places: does it move as the sound says, who is it.

N windows of F frames, H by W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.faces import Kind, load_face, load_identity
from models.faces.boxes import hull
from models.mini.generator.scores import correlated, leak
from models.sync.syncnet import SHORTEST, SyncNet
from tasks.training.seen_windows import SeenWindow

FEWEST = 25
"""Frames below which nothing is said of mouths."""
REACHED_BEYOND = 400
"""Samples: SyncNet's last piece of sound ends a little after the last frame, and there it is silent."""


@dataclass(frozen=True)
class Looks:
    """Which networks look. Empty: it is not looked at."""

    face: Kind = "mini"
    face_model: str = "mini:face"
    identity_model: str = "mini:identity"
    sync_model: str = "mini:syncnet"


def mouth_metrics(
    looks: Looks,
    seen: Sequence[SeenWindow],
    others: Sequence[int],
    made_NFHWC: np.ndarray,
    swapped_NFHWC: np.ndarray | None,
) -> dict[str, float]:
    """How the opening follows the clip's own mouth, and with another's sound that one's; and how far its own still.

    Of frames on which the lips are to be seen.
    """
    own_NF = np.stack([np.where(one.lips_FHW.any((1, 2)), one.opening_F, np.nan) for one in seen])
    metrics = _followed("opening_r", openings(looks, seen, made_NFHWC), own_NF)
    if swapped_NFHWC is not None:
        read_NF, wanted_NF = openings(looks, seen, swapped_NFHWC), own_NF[list(others)]
        metrics |= _followed("opening_r_other_sound", read_NF, wanted_NF)
        there_NF = np.isfinite(read_NF + wanted_NF + own_NF)
        if there_NF.sum() >= FEWEST:
            metrics["leak"] = leak(read_NF[there_NF], wanted_NF[there_NF], own_NF[there_NF])
    return metrics


def _followed(name: str, read_NF: np.ndarray, wanted_NF: np.ndarray) -> dict[str, float]:
    there_NF = np.isfinite(read_NF + wanted_NF)
    enough = there_NF.sum() >= FEWEST
    return {name: correlated(read_NF[there_NF], wanted_NF[there_NF])} if enough else {}


def openings(looks: Looks, seen: Sequence[SeenWindow], rgb_NFHWC: np.ndarray) -> np.ndarray:
    """Returns how open the mouth is (N, F), looked for where the clip's was; NaN where no face is seen."""
    faces = load_face(looks.face, looks.face_model)
    found_NF = np.full(rgb_NFHWC.shape[:2], np.nan)
    for n, one in enumerate(seen):
        for f, rgb_HWC in enumerate(rgb_NFHWC[n]):
            shape = faces.shape(rgb_HWC, hull(one.points_FK2[f]))
            if shape is not None:
                found_NF[n, f] = shape.opening
    faces.close()
    return found_NF


def identity(looks: Looks, seen: Sequence[SeenWindow], made_NFHWC: np.ndarray) -> dict[str, float]:
    """Cosine between who is seen in what was made and in the clip, in three frames of each."""
    embedder = load_identity(looks.identity_model)
    if embedder is None:
        return {}
    same = []
    for one, made_FHWC in zip(seen, made_NFHWC, strict=True):
        for f in np.linspace(0, len(made_FHWC) - 1, 5).astype(int)[1:-1]:
            pair = (embedder.embed(rgb[f], one.five_F52[f]) for rgb in (made_FHWC, one.rgb_FHWC))
            same.append(float(np.dot(*pair)))
    return {"identity": float(np.mean(same))}


def sync(looks: Looks, seen: Sequence[SeenWindow], made_NFHWC: np.ndarray) -> dict[str, float]:
    """SyncNet's confidence in what was made, and in the clips, which is what can be reached."""
    if not looks.sync_model or made_NFHWC.shape[1] < SHORTEST:
        return {}
    net = SyncNet(looks.sync_model)
    made, clip = (
        [
            net.score(rgb, one.five_F52, np.pad(one.sound, (0, REACHED_BEYOND))).confidence
            for one, rgb in zip(seen, films, strict=True)
        ]
        for films in (made_NFHWC, [one.rgb_FHWC for one in seen])
    )  # fmt: skip
    return {"sync_c": float(np.mean(made)), "sync_c_of_the_clips": float(np.mean(clip))}
