"""A training loses as much on windows whose latents are kept as on the same windows decoded and encoded."""

import pytest
import torch

from tasks.training.chance import chance
from tasks.training.clip_windows import ClipWindows
from tasks.training.generator import Generator
from tasks.training.recipe import GeneratorRecipe
from tests.tasks.training.conftest import Rebuilt


@pytest.mark.usefixtures("one_thread")
def test_losses_from_latents_are_those_from_pixels_to_rounding(rebuilt: Rebuilt) -> None:
    kept = ClipWindows(rebuilt.root, rebuilt.latents.version.tag, "train")
    assert not kept.not_cached
    objective = Generator(GeneratorRecipe(init="mini:generator"))
    net = objective.build(kept, torch.device("cpu"))
    some = list(range(0, len(kept), max(1, len(kept) // 3)))[:3]
    losses = []
    for windows in (kept, kept.from_videos()):
        batch = windows.__getitems__(some)
        assert ("video_BFHWC" in batch) == bool(windows.not_cached)
        with torch.no_grad():
            chances = [chance(0, 5, place) for place in range(len(some))]
            losses.append(objective.loss(net, batch, chances).value.item())
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)
    assert losses[0] > 0
