"""Measures a generator on strangers of the procedural world, against the true rendering of what they should say.

F counts frames, N strangers.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from models.dit.checkpoint import load
from models.dit.net import VideoDit
from models.dit.painting import Sampling, painted
from models.mini.generator.scores import films, scores_of
from models.mini.generator.strangers import FIRST, Stranger, sounds_of, strangers
from models.vae import decode, denormalised
from models.vae.opening import load_vae

FLOORS: Mapping[str, tuple[float | None, float | None] | float] = {
    "opening_r": 0.65, "leak": (None, 0.1), "identity": 0.9, "psnr_mask": 21.0,
}  # fmt: skip
FEATHER_PX = 1.0
CHUNK = 8


def measure(reference: str, people: int, seed: int = 0) -> dict[str, float]:
    """Measures the weights on as many strangers."""
    return measured(load(reference), strangers(FIRST, people), Sampling(), seed)[0]


def measured(
    net: VideoDit, people: Sequence[Stranger], sampling: Sampling, seed: int = 0, vae: str = "mini:vae"
) -> tuple[dict[str, float], np.ndarray]:
    """Returns the numbers, and what was painted, uint8 (N, F, H, W, 3)."""
    sound, silence = sounds_of(people)
    rgb_NFHWC = dubbed(net, people, sound, sampling, seed, vae)
    return scores_of(people, rgb_NFHWC, dubbed(net, people, silence, sampling, seed, vae)), rgb_NFHWC


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
    source_NFHWC = films(people, 1)
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
