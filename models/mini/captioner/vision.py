"""Trains the captioner's vision tower, the first half of its training: token by token, what is there and where.

A decoder that only hears "hand" after a whole clip learns slowly what its vision tower should look at. Here each token
says what it sees, how much of each of its parts is covered, and how far the thing reaches from there. B counts pictures
(two frames each, as the tower takes them), K a picture's tokens, P its patches.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    binary_cross_entropy_with_logits,
    cross_entropy,
    scaled_dot_product_attention,
)
from transformers import AttentionInterface

from models.mini.captioner.corpus import NOTHING, Take, box_of
from models.mini.captioner.network import PATCH, WIDTH

GRID = 4
"""Patches on a picture's side; its tokens are half as many."""
CELLS = 4
"""On a token's side, of which it says how much is covered."""
BATCHED_ATTENTION = "flash_pictures"
"""Name of the attention below; the library hands pictures over as one only to names that begin like that."""
MEAN_3 = (0.48145466, 0.4578275, 0.40821073)
SPREAD_3 = (0.26862954, 0.26130258, 0.27577711)
"""The colours' means and deviations that Qwen2.5-VL's processors subtract and divide by."""


class TrainingHeads(nn.Module):
    """Asks the tokens, in this half of the training only."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = nn.Linear(WIDTH, NOTHING + 1)
        self.share = nn.Linear(WIDTH, CELLS * CELLS)
        self.reach = nn.Linear(WIDTH, 4)
        self.whole = nn.Linear(WIDTH, NOTHING + 1)

    def loss(self, tokens_BKD: Tensor, targets: dict[str, Tensor]) -> Tensor:
        """Returns how wrong the tokens' answers are."""
        there_BK = targets["kind"] != NOTHING
        kind = cross_entropy(self.kind(tokens_BKD).flatten(0, 1), targets["kind"].flatten())
        share = binary_cross_entropy_with_logits(self.share(tokens_BKD), targets["share"])
        away_BK = (self.reach(tokens_BKD) - targets["reach"]).abs().mean(-1)
        reach = (away_BK * there_BK).sum() / there_BK.sum().clamp(min=1)
        whole = cross_entropy(self.whole(tokens_BKD.mean(1)), targets["whole"])
        return kind + 2 * share + 3 * reach + 0.5 * whole


def attend_within_pictures(
    _: nn.Module, query: Tensor, key: Tensor, value: Tensor, *, cu_seq_lens_q: Tensor, **__: Any
) -> tuple[Tensor, None]:
    """Attends within each picture, of all pictures at once: here they are all as large as each other.

    The library goes through them one by one, which takes two thirds of a step with pictures as small as these.
    """
    count = len(cu_seq_lens_q) - 1
    apart = [t.unflatten(2, (count, -1)).squeeze(0).transpose(0, 1) for t in (query, key, value)]
    return scaled_dot_product_attention(*apart).transpose(1, 2).flatten(0, 1)[None], None


AttentionInterface.register(BATCHED_ATTENTION, attend_within_pictures)


def patches(rgb_BFCHW: Tensor) -> Tensor:
    """Cuts and orders pairs of frames, 0..255 and scaled, as the processors do (a test compares): (B x P, values)."""
    even = (rgb_BFCHW - 255 * torch.tensor(MEAN_3).view(3, 1, 1)).div_(
        255 * torch.tensor(SPREAD_3).view(3, 1, 1)
    )
    cut = even.view(len(even), 2, 3, GRID // 2, 2, PATCH, GRID // 2, 2, PATCH)
    return cut.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(len(even) * GRID * GRID, -1)


def tower_tokens(visual: nn.Module, rgb_BFCHW: Tensor) -> Tensor:
    """Returns the tower's tokens of pairs of frames, BKD."""
    grid_B3 = torch.tensor([[1, GRID, GRID]]).expand(len(rgb_BFCHW), 3)
    return visual(patches(rgb_BFCHW), grid_thw=grid_B3).pooler_output.view(len(rgb_BFCHW), -1, WIDTH)


def batch_of_pairs(
    takes: Sequence[Take], count: int, rng: np.random.Generator, noise: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draws pairs: half of them one frame twice, as a single picture is given, half two frames that follow each other."""
    chosen = [takes[int(n)] for n in rng.integers(len(takes), size=count)]
    first_B = [int(rng.integers(len(take.rgb_FCHW) - 1)) for take in chosen]
    second_B = [first + int(rng.random() < 0.5) for first in first_B]
    each = list(zip(chosen, first_B, second_B, strict=True))
    rgb_BFCHW = torch.stack([take.rgb_FCHW[[a, b]] for take, a, b in each])
    thing_BHW = torch.stack([take.occluder_FHW[a] | take.occluder_FHW[b] for take, a, b in each])
    flipped_B = torch.from_numpy(rng.random(count) < 0.5)
    rgb_BFCHW[flipped_B], thing_BHW[flipped_B] = rgb_BFCHW[flipped_B].flip(-1), thing_BHW[flipped_B].flip(-1)
    return with_camera_effects(rgb_BFCHW, noise), token_targets(
        thing_BHW, torch.tensor([take.kind for take in chosen])
    )


def with_camera_effects(rgb_BFCHW: Tensor, noise: torch.Generator) -> Tensor:
    """Gives each group of frames an exposure, a contrast and a white balance of its own, 0..255."""
    count = len(rgb_BFCHW)
    gain = 1 + 0.25 * (2 * torch.rand(count, 1, 1, 1, 1, generator=noise) - 1)
    tint = 1 + 0.08 * (2 * torch.rand(count, 1, 3, 1, 1, generator=noise) - 1)
    lift = 15 * (2 * torch.rand(count, 1, 1, 1, 1, generator=noise) - 1)
    return (rgb_BFCHW * (gain * tint) + lift).clamp_(0, 255)


def token_targets(thing_BHW: Tensor, kind_B: Tensor) -> dict[str, Tensor]:
    """Returns what each token has to answer."""
    side = GRID // 2
    share_B1QQ = avg_pool2d(thing_BHW[:, None].float(), thing_BHW.shape[1] // (side * CELLS))
    apart = share_B1QQ.view(-1, side, CELLS, side, CELLS).permute(0, 1, 3, 2, 4)
    share_BKC = apart.reshape(-1, side * side, CELLS * CELLS)
    boxes = [box_of(thing_HW.numpy()) for thing_HW in thing_BHW]
    box_B4 = torch.tensor([box or (0.0, 0.0, 0.0, 0.0) for box in boxes])
    there_BK = (share_BKC.mean(-1) > 0.05) & torch.tensor([box is not None for box in boxes])[:, None]
    seen_B = torch.tensor([box is not None for box in boxes])
    return {
        "kind": torch.where(there_BK, kind_B[:, None], NOTHING),
        "share": share_BKC,
        "reach": box_B4[:, None] - centres(),
        "whole": torch.where(seen_B, kind_B, NOTHING),
    }


@lru_cache
def centres() -> Tensor:
    """Returns the centre of each token, twice, as shares of the picture, K4."""
    side = GRID // 2
    at = (torch.arange(side) + 0.5) / side
    y_K, x_K = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x_K, y_K, x_K, y_K], -1).view(-1, 4)
