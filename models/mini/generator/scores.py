"""Scores films of strangers with other lips against the true rendering of what they should say, whoever made them.

F counts frames, N strangers. Each is filmed twice (strangers.py), so it is known how open the mouth should be on each
frame, and how open the source's was: motion that follows the source's lips instead is a leak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Seen:
    """What is seen of the films of one stranger, before anything is summed up over people."""

    occluded: bool
    """Whether something is before the face."""
    mouths_3F2: np.ndarray
    """Opening and width: as they look, as they should be, and as they were in the source."""
    quiet_2F: np.ndarray
    """Opening when nothing is said: as it looks, and as the source's was; of those with nothing before the face."""
    squares: Mapping[str, tuple[float, int]]
    """Sum of the squared errors, and of how many values, for each PSNR."""
    means: Mapping[str, float]
    """Numbers of which people have their mean."""


def scores_of(people: Sequence[Stranger], rgb_NFHWC: np.ndarray, quiet_NFHWC: np.ndarray) -> dict[str, float]:
    """Returns the numbers of films made from the sources with the truth's sound, and with a hiss that says nothing.

    Those of mouths that none of these people has are left out.
    """
    seen = seen_of(people, rgb_NFHWC, quiet_NFHWC)
    always = {**seen[0].means, **seen[0].squares}
    return {name: value for name, value in numbers_of(seen).items() if name in always or not np.isnan(value)}


def seen_of(people: Sequence[Stranger], rgb_NFHWC: np.ndarray, quiet_NFHWC: np.ndarray) -> list[Seen]:
    """Returns what is seen of each."""
    judges = Judges()
    return [judges.seen(*one) for one in zip(people, rgb_NFHWC, quiet_NFHWC, strict=True)]


class Judges:
    """What looks at films: loaded once."""

    def __init__(self) -> None:
        embedder = load_identity("mini:identity")
        assert embedder is not None
        self.embedder, self.faces, self.clip = (
            embedder,
            load_face("mini", "mini:face"),
            ClipLikeness("mini:clip"),
        )

    def seen(self, one: Stranger, rgb_FHWC: np.ndarray, quiet_FHWC: np.ndarray) -> Seen:
        """`clip_likeness` stands in for LPIPS, whose weights are not shipped: the mean cosine of CLIP's vectors."""
        pair = one.pair
        truth_FHWC, source_FHWC = pair.rgb_2FHWC
        should_F2, was_F2 = (said.mouth_F3[:, :2] for said in pair.said)
        made, true = (self.clip.embed(list(some[list(SOME_FRAMES)])) for some in (rgb_FHWC, truth_FHWC))
        return Seen(
            bool(pair.occluder),
            np.stack([seen_mouth(self.faces, pair, rgb_FHWC), should_F2, was_F2]),
            self._quiet(pair, quiet_FHWC, was_F2[:, 0]),
            {
                "psnr_mask": squared(rgb_FHWC, truth_FHWC, pair.paint_2FHW[1]),
                "psnr_lips": squared(rgb_FHWC, truth_FHWC, pair.lips_2FHW[0]),
                "psnr_lips_of_the_source": squared(source_FHWC, truth_FHWC, pair.lips_2FHW[0]),
                "psnr_full": squared(rgb_FHWC, truth_FHWC, np.ones_like(pair.paint_2FHW[0])),
            },
            {
                "identity": likeness(self.embedder, pair, rgb_FHWC, source_FHWC, SOME_FRAMES),
                "ssim_full": ssim(rgb_FHWC, truth_FHWC),
                "clip_likeness": float((made * true).sum(1).mean()),
            },
        )

    def _quiet(self, pair: Pair, quiet_FHWC: np.ndarray, was_F: np.ndarray) -> np.ndarray:
        if pair.occluder:
            return np.zeros((2, 0))
        return np.stack([seen_mouth(self.faces, pair, quiet_FHWC)[:, 0], was_F])


def numbers_of(seen: Sequence[Seen]) -> dict[str, float]:
    """Returns all numbers over these people (and noises, if someone is there once for each); NaN for what none has."""
    clear = [one for one in seen if not one.occluded]
    hidden = [one for one in seen if one.occluded]
    return {
        **_followed(clear),
        "width_r": _followed(clear, 1)["opening_r"],
        **{f"{name}_occluded": value for name, value in _followed(hidden).items()},
        **_in_silence(clear),
        **{name: float(np.mean([one.means[name] for one in seen])) for name in seen[0].means},
        **{name: _psnr([one.squares[name] for one in seen]) for name in seen[0].squares},
    }


def films(people: Sequence[Stranger], which: int) -> np.ndarray:
    """Returns the films of one utterance, (N, F, H, W, 3): 0 is the truth, 1 the source."""
    return np.stack([one.pair.rgb_2FHWC[which] for one in people])


def _followed(seen: Sequence[Seen], which: int = 0) -> dict[str, float]:
    """How the lips' opening, or width, follows what it should, as the landmarks see it."""
    if not seen:
        return dict.fromkeys(("opening_r", "leak"), float("nan"))
    read, should, source = np.stack([one.mouths_3F2[..., which] for one in seen], 1)
    return {"opening_r": correlated(read, should), "leak": leak(read, should, source)}


def _in_silence(seen: Sequence[Seen]) -> dict[str, float]:
    """How far the lips move when nothing is said, and whether as the source's do."""
    if not seen:
        return dict.fromkeys(("silent_motion", "silent_follows_source"), float("nan"))
    quiet, was = np.stack([one.quiet_2F for one in seen], 1)
    return {
        "silent_motion": float(quiet.std(1).mean()),
        "silent_follows_source": correlated(quiet - quiet.mean(1, keepdims=True), was),
    }


def _psnr(squares: Sequence[tuple[float, int]]) -> float:
    wrong, count = (sum(some) for some in zip(*squares, strict=True))
    if not count:
        return float("nan")
    return float(10 * np.log10(255**2 * count / wrong)) if wrong else float("inf")


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


def likeness(
    embedder: Embedder, pair: Pair, rgb_FHWC: np.ndarray, source_FHWC: np.ndarray, frames: Sequence[int]
) -> float:
    """Returns how far pictures show the one whom the source shows: the mean cosine over some frames."""
    five_F52 = pair.landmarks_2FL2[1][:, head().five()]
    both = [[embedder.embed(some[f], five_F52[f]) for some in (rgb_FHWC, source_FHWC)] for f in frames]
    return float(np.mean([one @ other for one, other in both]))


def decibels(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Returns the PSNR over the pixels of a mask, of all strangers together."""
    wrong, count = squared(made, truth, where)
    return float(10 * np.log10(255**2 / np.divide(wrong, count)))


def squared(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> tuple[float, int]:
    """Returns the sum of the squared errors over the pixels of a mask, and of how many values."""
    wrong = (made.astype(np.float64) - truth.astype(np.float64))[where]
    return float(np.square(wrong).sum()), wrong.size
