"""SyncNet's training: the lips of five frames have to find their own sound among that of the same window.

Nothing about the speaker helps there, only the movement. Windows come with more room about the crop than the net
takes (models/sync/net.py, `roomy`): where it is cut is chance, and so are the mirror and the camera.
B samples, F frames, N pieces of five frames with the T columns of their sound; D numbers of a vector.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from models.mini.augment import vary
from models.sync.contrast import contrast, told_apart
from models.sync.net import PRESETS, Net
from models.sync.pieces import lip_pieces, sound_pieces
from models.sync.syncnet import load
from models.weights.references import resolve
from tasks.training.objective import Batch, Loss, Windows
from tasks.training.recipe import SyncNetRecipe
from tasks.training.suspicion import Suspicion


class SyncNetObjective:
    """What the loop has to know of it."""

    def __init__(self, recipe: SyncNetRecipe):
        self.recipe, self.sizes = recipe, PRESETS[recipe.preset]
        self._suspicion = Suspicion(recipe.steps)

    def build(self, windows: Windows, device: torch.device) -> nn.Module:  # noqa: ARG002
        """Returns a net as it is at first: random, or with the weights of `init` that fit."""
        torch.manual_seed(self.recipe.seed)
        net = Net(self.sizes)
        if self.recipe.init:
            own = net.state_dict()
            given = load(resolve(self.recipe.init))[0].state_dict()
            fitting = {name: one for name, one in given.items() if one.shape == own[name].shape}
            net.load_state_dict(own | fitting)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # a third quicker on CPUs
        return net.to(device)

    def loss(self, net: nn.Module, batch: Batch, chances: list[torch.Generator]) -> Loss:
        """Returns how far the windows' pieces are from finding their own, seen from lips and from sound."""
        lips_BND, sound_BND = vectors(net, self._varied(batch["lips_B3FHW"], chances), batch["mfcc_BCT"])
        value = contrast(lips_BND, sound_BND)
        return Loss(value, {"in_sync": told_apart(lips_BND, sound_BND).mean()})

    def about(self) -> Mapping[str, Any]:
        """Returns the net's sizes, with which models/sync/syncnet.py builds it."""
        return {"sizes": asdict(self.sizes)}

    def name_in_file(self, name: str) -> str | None:
        """Returns the name itself: all of it is exported."""
        return name

    def notice(self, step: int, means: Mapping[str, float]) -> str:
        """Warns once of a net that is at chance after a tenth of its steps."""
        return self._suspicion.saw(step, means.get("in_sync"))

    def _varied(self, lips_B3FHW: Tensor, chances: list[torch.Generator]) -> Tensor:
        """Each sample cut at a place of its own, mirrored or not, and seen by one camera."""
        side, room = self.sizes.side, self.sizes.room
        made = []
        for lips_3FHW, chance in zip(lips_B3FHW, chances, strict=True):
            x, y = torch.randint(0, 2 * room + 1, (2,), generator=chance).tolist()
            cut_3FHW = lips_3FHW[..., y : y + side, x : x + side].float()
            mirrored = torch.rand((), generator=chance) < 0.5
            tall_13HW = (cut_3FHW.flip(-1) if mirrored else cut_3FHW).flatten(1, 2)[None]
            made.append(vary(tall_13HW, chance)[0].unflatten(1, (-1, side)))
        return torch.stack(made)


def vectors(net: nn.Module, lips_B3FHW: Tensor, mfcc_BCT: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the vectors of all pieces of some windows, (B, N, D) each, in 32 bits."""
    lips_BN3FHW, sound_BNCT = lip_pieces(lips_B3FHW), sound_pieces(mfcc_BCT)
    count = lips_BN3FHW.shape[1]
    assert count == sound_BNCT.shape[1], (count, sound_BNCT.shape)
    lips, sound = net(lips_BN3FHW.flatten(0, 1), sound_BNCT.flatten(0, 1))
    return lips.float().unflatten(0, (-1, count)), sound.float().unflatten(0, (-1, count))
