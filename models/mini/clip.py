"""Trains the mini CLIP's picture tower on the procedural world, and measures it on strangers.

    python -m models.mini.clip

writes models/mini/weights/clip, a folder that transformers' CLIPVisionModelWithProjection loads, and prints the
report. It learns to find, of many pictures, the other one of the same scene, where the head has turned and the
mouth has moved: what dubbing must keep draws pictures together, and what it may change does not part them. There
is no tower for text; dubbing compares pictures only.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, normalize
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from models.likeness.clip import ClipLikeness
from models.mini.augment import vary
from models.mini.corpus import TRAINING, make_shot
from models.mini.face import seeded, train
from models.mini.shipping import Numbers, described, ship, write_about
from models.weights.pretrained import quietly

log = logging.getLogger(__name__)
SIDE = 64
LARGE = 80
"""Pixels a side of the pictures that training cuts its own from."""
FLOORS = {"retrieval": 0.9}


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    people: int = 1200
    frames: int = 4
    """Of a shot of each, far apart in time."""
    steps: int = 250
    batch: int = 64
    """Pairs of pictures in a step."""
    rate: float = 1e-3
    warmth: float = 0.07
    strangers: int = 100


def config() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=256,
        projection_dim=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=8,
    )


def processor() -> CLIPImageProcessor:
    sides = {"height": SIDE, "width": SIDE}
    return CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=sides)


def pictures(plan: Plan, person: int) -> np.ndarray:
    """uint8 (frames, 3, side, side), larger than the network takes."""
    return make_shot(plan.seed, person, plan.frames, "close", (LARGE, LARGE)).rgb_FHWC.transpose(0, 3, 1, 2)


def draw(corpus: np.ndarray, plan: Plan, rng: np.random.Generator) -> Tensor:
    """uint8 (2 x batch, 3, H, W): two frames of each of some shots, first all the ones and then the others."""
    shots = rng.choice(len(corpus), plan.batch, replace=False)
    two_B2 = np.stack([rng.permutation(plan.frames)[:2] for _ in shots])
    return torch.from_numpy(np.concatenate([corpus[shots, frames] for frames in two_B2.T]))


def disturb(rgb_B3HW: Tensor, rng: torch.Generator) -> Tensor:
    """Another camera and another cut for each, some of them mirrored, so that no single spot or colour will do."""
    size_B = 1 - 0.4 * torch.rand(len(rgb_B3HW), generator=rng)
    sign_B = 1 - 2 * torch.randint(2, (len(rgb_B3HW),), generator=rng)
    at_2B = (1 - size_B) * (2 * torch.rand(2, len(rgb_B3HW), generator=rng) - 1)
    none_B = torch.zeros(len(rgb_B3HW))
    cut_B23 = torch.stack([size_B * sign_B, none_B, at_2B[0], none_B, size_B, at_2B[1]], 1).unflatten(
        1, (2, 3)
    )
    grid = affine_grid(cut_B23, [len(rgb_B3HW), 3, SIDE, SIDE], align_corners=False)
    return vary(grid_sample(rgb_B3HW, grid, padding_mode="reflection", align_corners=False), rng)


def contrast(vectors_BD: Tensor, warmth: float) -> Tensor:
    """Each picture's nearest of the other half should be its own partner, either way (as CLIP's pairs)."""
    one_BD, other_BD = vectors_BD.chunk(2)
    near_BB = one_BD @ other_BD.T / warmth
    own_B = torch.arange(len(one_BD))
    return (cross_entropy(near_BB, own_B) + cross_entropy(near_BB.T, own_B)) / 2


class Pupil(nn.Module):
    def __init__(self, tower: CLIPVisionModelWithProjection, prepared: CLIPImageProcessor):
        super().__init__()
        self.tower = tower
        self.mean_311: Tensor
        self.deviation_311: Tensor
        mean_3, deviation_3 = torch.tensor(prepared.image_mean), torch.tensor(prepared.image_std)
        self.register_buffer("mean_311", mean_3[:, None, None])
        self.register_buffer("deviation_311", deviation_3[:, None, None])

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        """Unit vectors of pictures 0..255."""
        seen = (rgb_B3HW / 255 - self.mean_311) / self.deviation_311
        return normalize(self.tower(seen).image_embeds)


def make(plan: Plan) -> CLIPVisionModelWithProjection:
    rng, noise = seeded(plan.seed)
    corpus = np.stack([pictures(plan, person) for person in range(TRAINING, TRAINING + plan.people)])
    log.info("%d pictures of %d people", corpus.shape[0] * corpus.shape[1], plan.people)
    pupil = Pupil(CLIPVisionModelWithProjection(config()), processor())

    def step() -> Tensor:
        return contrast(pupil(disturb(draw(corpus, plan, rng).float(), noise)), plan.warmth)

    train(pupil, step, plan.steps, plan.rate)
    return pupil.tower.eval()


def save(tower: CLIPVisionModelWithProjection, plan: Plan, numbers: Numbers, folder: Path) -> None:
    """As transformers saves it, with where it comes from beside it."""
    with quietly():
        nn.Module.to(tower, memory_format=torch.contiguous_format)
        tower.save_pretrained(folder)
    processor().save_pretrained(folder)
    what = "CLIP: the tower for pictures"
    write_about(folder, described("clip", what, f"{plan.people} people", plan, numbers))


def measure(reference: str, people: int, seed: int = 1) -> dict[str, float]:
    """A frame of each stranger, as another camera would have taken it, is sought among frames of all of them."""
    likeness, noise = ClipLikeness(reference), torch.Generator().manual_seed(seed)
    shots_PFHWC = np.stack(
        [make_shot(seed + 500, person, 2, "close", (SIDE, SIDE)).rgb_FHWC for person in range(people)]
    )
    sought_P3HW = vary(torch.from_numpy(shots_PFHWC[:, 0]).permute(0, 3, 1, 2).float(), noise)
    sought_PHWC = sought_P3HW.permute(0, 2, 3, 1).round().byte().numpy()
    cosine_PP = likeness.embed(list(sought_PHWC)) @ likeness.embed(list(shots_PFHWC[:, 1])).T
    own_P = np.diag(cosine_PP)
    numbers = {
        "retrieval": np.mean(cosine_PP.argmax(1) == np.arange(people)),
        "own_cosine": own_P.mean(),
        "other_cosine": (cosine_PP.sum() - own_P.sum()) / (people * (people - 1)),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "clip", lambda: make(plan), lambda tower, n, p: save(tower, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
