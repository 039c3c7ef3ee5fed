"""Measures a generator on strangers of the procedural world, against the true rendering of what they should say.

Each stranger is filmed twice with the same movements: the source, and the truth with the lips of the sound that the
source is given. So it is known how open the mouth should be on each frame, and how open the source's was: motion
that follows the source's lips instead is a leak. F counts frames, N strangers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from models.audio.whisper import LAST, Whisper
from models.dit.checkpoint import load
from models.dit.net import VideoDit
from models.dit.painting import Sampling, painted
from models.faces import load_face, load_identity
from models.faces.boxes import hull
from models.faces.face import Embedder, FaceBackend
from models.mini.generator.corpus import heard, windows_of
from models.mini.generator.people import Pair, film
from models.vae import decode, denormalised
from models.vae.opening import load_vae
from models.world.body.head import head

FLOORS: Mapping[str, tuple[float | None, float | None] | float] = {
    "opening_r": 0.65, "leak": (None, 0.1), "identity": 0.9, "psnr_mask": 21.0,
}  # fmt: skip
FIRST = 200
"""Strangers before this one are for choices (how to sample, when to stop); these are for what is reported."""
FEATHER_PX = 1.0
CHUNK = 8
IDENTITY_FRAMES = (4, 12, 20)


@dataclass(frozen=True)
class Stranger:
    """One person nobody has seen, as latents and pixels; the truth is utterance 0, the source utterance 1."""

    pair: Pair
    windows: Mapping[str, Tensor]
    silence_FNA: Tensor


def strangers(first: int, count: int, vae: str = "mini:vae", whisper: str = "mini:whisper") -> list[Stranger]:
    """Films strangers: two in three with nothing before the face."""
    seen_by, heard_by = load_vae(vae), Whisper(whisper, (LAST,))
    found = []
    for person in range(first, first + count):
        pair = film(person, clear=person % 3 != 0)
        hiss = 1e-4 * np.random.default_rng(person).standard_normal(16000 * 3).astype(np.float32)
        found.append(Stranger(pair, windows_of(pair, seen_by, heard_by), heard(hiss, 5, heard_by)))
    return found


def measure(reference: str, people: int, seed: int = 0) -> dict[str, float]:
    """Measures the weights on as many strangers."""
    return measured(load(reference), strangers(FIRST, people), Sampling(), seed)[0]


def measured(
    net: VideoDit, people: Sequence[Stranger], sampling: Sampling, seed: int = 0, vae: str = "mini:vae"
) -> tuple[dict[str, float], np.ndarray]:
    """Returns the numbers, and what was painted, uint8 (N, F, H, W, 3)."""
    sound = torch.stack([one.windows["audio"][0] for one in people]).float()
    rgb_NFHWC = dubbed(net, people, sound, sampling, seed, vae)
    silent = torch.stack([one.silence_FNA for one in people]).float()
    quiet_NFHWC = dubbed(net, people, silent, sampling, seed, vae)
    truth, source = (np.stack([one.pair.rgb_2FHWC[k] for one in people]) for k in (0, 1))
    paint = np.stack([one.pair.paint_2FHW[1] for one in people])
    lips = np.stack([one.pair.lips_2FHW[0] for one in people])
    return {
        **_mouths(people, rgb_NFHWC, quiet_NFHWC),
        "identity": _identity(people, rgb_NFHWC, source),
        "psnr_mask": decibels(rgb_NFHWC, truth, paint),
        "psnr_lips": decibels(rgb_NFHWC, truth, lips),
        "psnr_lips_of_the_source": decibels(source, truth, lips),
    }, rgb_NFHWC


def dubbed(
    net: VideoDit, people: Sequence[Stranger], audio_NFNA: Tensor, sampling: Sampling, seed: int, vae: str
) -> np.ndarray:
    """Returns the sources with other lips: painted in latents, decoded, and feathered over the source."""
    made = []
    for start in range(0, len(people), CHUNK):
        some = people[start : start + CHUNK]
        masked = torch.stack([one.windows["masked"][1] for one in some]).float()
        own = torch.stack([one.windows["target"][1] for one in some]).float()
        chance = torch.Generator().manual_seed(1000 * seed + start)
        noise = torch.randn(own.shape, generator=chance)
        made.append(painted(net, masked, own[:, :, 0], audio_NFNA[start : start + CHUNK], noise, sampling))
    rgb_NFHWC = pixels(torch.cat(made), vae)
    source_NFHWC = np.stack([one.pair.rgb_2FHWC[1] for one in people])
    over_NFHW1 = feathered(np.stack([one.pair.paint_2FHW[1] for one in people]))[..., None]
    return (over_NFHW1 * rgb_NFHWC + (1 - over_NFHW1) * source_NFHWC).round().astype(np.uint8)


@torch.no_grad()
def pixels(z_NCFHW: Tensor, vae: str = "mini:vae") -> np.ndarray:
    """Decodes latents to uint8 frames (N, F, H, W, 3)."""
    net = load_vae(vae)
    made = torch.cat([decode(net, denormalised(net, some)) for some in z_NCFHW.split(CHUNK)]).clamp(-1, 1)
    return ((made.permute(0, 2, 3, 4, 1) + 1) * 127.5).round().byte().numpy()


def feathered(mask_NFHW: np.ndarray, deviation: float = FEATHER_PX) -> np.ndarray:
    """Returns masks whose edge is a bell's."""
    reach = int(np.ceil(3 * deviation))
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    line = torch.from_numpy(bell / bell.sum()).float()
    x = pad(torch.from_numpy(mask_NFHW).float().flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    x = conv2d(conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
    return x[:, 0].reshape(mask_NFHW.shape).numpy()


def _mouths(people: Sequence[Stranger], rgb_NFHWC: np.ndarray, quiet_NFHWC: np.ndarray) -> dict[str, float]:
    """How the lips move, as the landmarks see them, where nothing is before the face; and in silence."""
    clear = [number for number, one in enumerate(people) if not one.pair.occluder]
    hidden = [number for number, one in enumerate(people) if one.pair.occluder]
    wanted, was = (np.stack([one.pair.said[k].mouth_F3[:, :2] for one in people]) for k in (0, 1))
    read = seen_mouths(people, rgb_NFHWC)
    quiet = seen_mouths([people[n] for n in clear], quiet_NFHWC[clear])[..., 0]
    numbers = {
        "opening_r": correlated(read[clear][..., 0], wanted[clear][..., 0]),
        "width_r": correlated(read[clear][..., 1], wanted[clear][..., 1]),
        "leak": leak(read[clear][..., 0], wanted[clear][..., 0], was[clear][..., 0]),
        "silent_motion": float(quiet.std(1).mean()),
        "silent_follows_source": correlated(quiet - quiet.mean(1, keepdims=True), was[clear][..., 0]),
    }
    if hidden:
        numbers["opening_r_occluded"] = correlated(read[hidden][..., 0], wanted[hidden][..., 0])
    return numbers


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
        likeness(embedder, one.pair, rgb_FHWC, source_FHWC, IDENTITY_FRAMES)
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


def decibels(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Returns the PSNR over the pixels of a mask, of all strangers together."""
    wrong = (made.astype(np.float64) - truth.astype(np.float64))[where]
    return float(10 * np.log10(255**2 / np.square(wrong).mean()))
