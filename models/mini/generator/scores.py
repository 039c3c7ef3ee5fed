"""Scores films of strangers with other lips against the true rendering of what they should say, whoever made them.

F counts frames, N strangers. Each is filmed twice (strangers.py), so it is known how open the mouth should be on each
frame, and how open the source's was: motion that follows the source's lips instead is a leak.
"""

from collections.abc import Sequence

import numpy as np

from models.faces import load_face, load_identity
from models.faces.boxes import hull
from models.faces.face import Embedder, FaceBackend
from models.likeness.clip import ClipLikeness
from models.mini.generator.people import Pair
from models.mini.generator.strangers import Stranger
from models.pairs.ssim import ssim
from models.world.body.head import head

SOME_FRAMES = (4, 12, 20)
"""Frames in which faces and pictures are recognised."""


def scores_of(people: Sequence[Stranger], rgb_NFHWC: np.ndarray, quiet_NFHWC: np.ndarray) -> dict[str, float]:
    """Returns the numbers of films made from the sources with the truth's sound, and with a hiss that says nothing.

    `clip_likeness` stands in for LPIPS, whose weights are not shipped: the mean cosine of the mini CLIP's vectors.
    """
    truth, source = films(people, 0), films(people, 1)
    paint = np.stack([one.pair.paint_2FHW[1] for one in people])
    lips = np.stack([one.pair.lips_2FHW[0] for one in people])
    whole = np.ones_like(paint)
    return {
        **_mouths(people, rgb_NFHWC),
        **_in_silence(people, quiet_NFHWC),
        "identity": _identity(people, rgb_NFHWC, source),
        "psnr_mask": decibels(rgb_NFHWC, truth, paint),
        "psnr_lips": decibels(rgb_NFHWC, truth, lips),
        "psnr_lips_of_the_source": decibels(source, truth, lips),
        "psnr_full": decibels(rgb_NFHWC, truth, whole),
        "ssim_full": float(np.mean([ssim(*pair) for pair in zip(rgb_NFHWC, truth, strict=True)])),
        "clip_likeness": _likeness_to_clip(rgb_NFHWC, truth),
    }


def films(people: Sequence[Stranger], which: int) -> np.ndarray:
    """Returns the films of one utterance, (N, F, H, W, 3): 0 is the truth, 1 the source."""
    return np.stack([one.pair.rgb_2FHWC[which] for one in people])


def _mouths(people: Sequence[Stranger], rgb_NFHWC: np.ndarray) -> dict[str, float]:
    """How the lips move, as the landmarks see them; where something is before the face, apart."""
    wanted, was = (np.stack([one.pair.said[k].mouth_F3[:, :2] for one in people]) for k in (0, 1))
    read = seen_mouths(people, rgb_NFHWC)
    clear, hidden = _by_occluder(people)
    numbers = {}
    if clear:
        numbers = _followed(read[clear], wanted[clear], was[clear])
        numbers["width_r"] = correlated(read[clear][..., 1], wanted[clear][..., 1])
    if hidden:
        found = _followed(read[hidden], wanted[hidden], was[hidden])
        numbers |= {f"{name}_occluded": value for name, value in found.items()}
    return numbers


def _followed(read: np.ndarray, wanted: np.ndarray, was: np.ndarray) -> dict[str, float]:
    opening, should, source = (some[..., 0] for some in (read, wanted, was))
    return {"opening_r": correlated(opening, should), "leak": leak(opening, should, source)}


def _in_silence(people: Sequence[Stranger], quiet_NFHWC: np.ndarray) -> dict[str, float]:
    """How far the lips move when nothing is said, and whether as the source's do; where nothing is before the face."""
    clear, _ = _by_occluder(people)
    if not clear:
        return {}
    quiet = seen_mouths([people[n] for n in clear], quiet_NFHWC[clear])[..., 0]
    was = np.stack([people[n].pair.said[1].mouth_F3[:, 0] for n in clear])
    return {
        "silent_motion": float(quiet.std(1).mean()),
        "silent_follows_source": correlated(quiet - quiet.mean(1, keepdims=True), was),
    }


def _by_occluder(people: Sequence[Stranger]) -> tuple[list[int], list[int]]:
    """Numbers of those with nothing before the face, and of the others."""
    hidden = [bool(one.pair.occluder) for one in people]
    return [n for n, is_so in enumerate(hidden) if not is_so], [n for n, is_so in enumerate(hidden) if is_so]


def seen_mouths(people: Sequence[Stranger], rgb_NFHWC: np.ndarray) -> np.ndarray:
    """Returns opening and width (N, F, 2) as the mini landmarks see them in the box the source's tracker has."""
    faces = load_face("mini", "mini:face")
    return np.stack(
        [seen_mouth(faces, one.pair, rgb_FHWC) for one, rgb_FHWC in zip(people, rgb_NFHWC, strict=True)]
    )


def seen_mouth(faces: FaceBackend, pair: Pair, rgb_FHWC: np.ndarray) -> np.ndarray:
    """Returns opening and width (F, 2) of the pictures of one stranger."""
    found_F2 = np.zeros((len(rgb_FHWC), 2))
    for f, rgb_HWC in enumerate(rgb_FHWC):
        shape = faces.shape(rgb_HWC, hull(pair.landmarks_2FL2[1, f]))
        if shape is not None:
            found_F2[f] = shape.opening, shape.width
    return found_F2


def leak(read: np.ndarray, wanted: np.ndarray, was: np.ndarray) -> float:
    """Returns how far motion follows the source's mouth: its share in a regression on the sound's and the source's."""
    both = np.stack([standard(wanted).ravel(), standard(was).ravel()], 1)
    return float(np.linalg.lstsq(both, standard(read).ravel(), rcond=None)[0][1])


def standard(values: np.ndarray) -> np.ndarray:
    """Returns values with mean 0 and deviation 1."""
    return (values - values.mean()) / max(values.std(), 1e-9)


def correlated(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the correlation over all frames of all strangers; 0 where one of them never changes."""
    return float((standard(one) * standard(other)).mean())


def _identity(people: Sequence[Stranger], rgb_NFHWC: np.ndarray, source_NFHWC: np.ndarray) -> float:
    embedder = load_identity("mini:identity")
    assert embedder is not None
    alike = [
        likeness(embedder, one.pair, rgb_FHWC, source_FHWC, SOME_FRAMES)
        for one, rgb_FHWC, source_FHWC in zip(people, rgb_NFHWC, source_NFHWC, strict=True)
    ]
    return float(np.mean(alike))


def likeness(
    embedder: Embedder, pair: Pair, rgb_FHWC: np.ndarray, source_FHWC: np.ndarray, frames: Sequence[int]
) -> float:
    """Returns how far pictures show the one whom the source shows: the mean cosine over some frames."""
    five_F52 = pair.landmarks_2FL2[1][:, head().five()]
    both = [[embedder.embed(some[f], five_F52[f]) for some in (rgb_FHWC, source_FHWC)] for f in frames]
    return float(np.mean([one @ other for one, other in both]))


def _likeness_to_clip(rgb_NFHWC: np.ndarray, truth_NFHWC: np.ndarray) -> float:
    sees = ClipLikeness("mini:clip")
    made, true = (
        sees.embed(list(some[:, SOME_FRAMES].reshape(-1, *some.shape[2:])))
        for some in (rgb_NFHWC, truth_NFHWC)
    )
    return float((made * true).sum(1).mean())


def decibels(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Returns the PSNR over the pixels of a mask, of all strangers together."""
    wrong = (made.astype(np.float64) - truth.astype(np.float64))[where]
    return float(10 * np.log10(255**2 / np.square(wrong).mean()))
