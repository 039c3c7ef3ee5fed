"""The editor's second phase: an expert for middle noise, taught by SyncNet whether the lips fit the sound (METHOD 7).

The loss is the one that SyncNet itself learnt by: of all sounds of the window, each five frames' own has to be nearest
to them. B samples, F frames of H by W pixels, N pieces of five frames.
"""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.faces.warp_gradient import warped
from models.sync.contrast import told_apart
from models.sync.net import Net, Sizes
from models.sync.pieces import lip_pieces, sound_pieces
from models.sync.syncnet import load, places, square_of
from models.vae import View, decode, denormalised, pixels_per_latent
from models.weights.references import resolve
from tasks.training.dit import Predicted
from tasks.training.editor.decoding import beginnings, frames_of_part, guessed
from tasks.training.editor.expert import ExpertTraining, Taught
from tasks.training.editor.recipe import LipRecipe
from tasks.training.objective import Windows
from tasks.training.problems import Stop

LISTENED_TO = 16
"""Windows that a teacher is tried on."""


class Lip(ExpertTraining):
    """What the loop has to know of it."""

    name, told = "lip", ("sync_loss",)

    def __init__(self, recipe: LipRecipe):
        super().__init__(recipe)
        self.sync, self.weight, self.least = recipe.sync, recipe.sync_weight, recipe.least_in_sync

    def build(self, windows: Windows, device: torch.device) -> nn.Module:
        """Returns the editor with a new expert; refuses a teacher that is at chance."""
        net = super().build(windows, device)
        told = self.teacher_tells(windows)
        if not told >= self.least:  # nor is one a teacher whose every answer is NaN
            raise Stop(
                f"the SyncNet {self.sync} is no teacher here: of true lips it tells the sound in sync from others in "
                f"{told:.0%} of {LISTENED_TO} windows' comparisons (chance is 50%, least_in_sync {self.least:.0%}); "
                "train one on such footage (`redub train syncnet`), and give --set sync=run:NAME"
            )
        return net

    @cached_property
    def teacher(self) -> tuple[Net, Sizes]:
        """SyncNet, and how it crops."""
        net, sizes = load(resolve(self.sync))
        return net.requires_grad_(False).to(self.device), sizes

    def taught(self, predicted: Predicted, chances: list[torch.Generator]) -> Taught:
        """Returns how far the lips of the guessed pictures are from finding their own sound."""
        z_BCFHW, firsts = guessed(predicted), beginnings(predicted, self.part, chances)
        losses = torch.stack([
            self.loss_of(z_CFHW, first, five_F52, mfcc_CT)
            for z_CFHW, first, five_F52, mfcc_CT in zip(
                z_BCFHW, firsts, predicted.batch["five_BF52"], predicted.batch["mfcc_BCT"], strict=True
            )
        ])  # fmt: skip
        return self.weight * losses.mean(), {"sync_loss": losses.mean().detach()}

    def loss_of(self, z_CFHW: Tensor, first: int, five_F52: Tensor, mfcc_CT: Tensor) -> Tensor:
        """Returns the loss of a part; no more of its pictures is decoded than SyncNet looks at."""
        frames, side = frames_of_part(first, self.part), pixels_per_latent(self.vae)
        place_F4 = places(five_F52.cpu().numpy())[frames]
        height, width = (side * length for length in z_CFHW.shape[-2:])
        view = view_of(place_F4, self.teacher[1], height, width)
        return self.out_of_sync(self.pictures(z_CFHW, first, view), five_F52, mfcc_CT, frames, view)

    def out_of_sync(
        self, video_3FHW: Tensor, five_F52: Tensor, mfcc_CT: Tensor, frames: slice, view: View | None = None
    ) -> Tensor:
        """Returns the loss of some frames of a window, given the points and the sound of all of it."""
        net, sizes = self.teacher
        lips_3FHW = crops_of(video_3FHW, places(five_F52.cpu().numpy())[frames], sizes, view)
        lips_N3FHW, sound_NCT = lip_pieces(lips_3FHW[None])[0], sound_pieces(mfcc_CT[None])[0]
        near_NM = -torch.cdist(net.lips(lips_N3FHW), net.sound(sound_NCT.to(lips_N3FHW)))
        own_N = torch.arange(frames.start, frames.start + len(near_NM), device=near_NM.device)
        return cross_entropy(near_NM, own_N)

    @torch.no_grad()
    def teacher_tells(self, windows: Windows) -> float:
        """Returns in how many comparisons the teacher finds the sound of true lips, as the VAE shows them."""
        some = np.unique(np.linspace(0, len(windows) - 1, LISTENED_TO).astype(int)).tolist()
        found = [self._told(windows, one) for one in some]
        return float(np.nanmean(found))

    def _told(self, windows: Windows, sample: int) -> float:
        net, sizes = self.teacher
        batch = self.with_latents(windows.__getitems__([sample]))
        z_1CFHW = batch["target_BCFHW"].to(self.device)
        video_3FHW = decode(self.vae, denormalised(self.vae, z_1CFHW))[0]
        lips_3FHW = crops_of(video_3FHW, places(batch["five_BF52"][0].cpu().numpy()), sizes)
        sound_NCT = sound_pieces(batch["mfcc_BCT"])[0].to(lips_3FHW)
        lips_ND, sound_ND = net.lips(lip_pieces(lips_3FHW[None])[0]), net.sound(sound_NCT)
        return float(told_apart(lips_ND[None], sound_ND[None])[0])


def view_of(place_F4: np.ndarray, sizes: Sizes, height: int, width: int) -> View:
    """Returns the part of the pictures that crops are made of: pixels half beside a point count for it, too."""
    corners_4 = np.array([(x, y, 1) for x in (0, sizes.side) for y in (0, sizes.side)]).T
    at_F24 = np.stack([square_of(place_4, sizes) for place_4 in place_F4]) @ corners_4
    least_2, most_2 = (np.floor(one - 0.5).astype(int) for one in (at_F24.min((0, 2)), at_F24.max((0, 2))))
    ends = zip(least_2, most_2, (width, height), strict=True)
    columns, rows = ((min(max(a, 0), size - 1), min(max(b + 2, 1), size)) for a, b, size in ends)
    return View((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])))


def crops_of(video_3FHW: Tensor, place_F4: np.ndarray, sizes: Sizes, view: View | None = None) -> Tensor:
    """Returns what SyncNet sees of pictures of -1..1, or of a view of them: upright crops (3, F, side, side), BGR,
    0..255."""
    to_source_F23 = np.stack([square_of(place_4, sizes) for place_4 in place_F4])
    if view is not None:
        to_source_F23[:, :, 2] -= (view.columns[0], view.rows[0])
    rgb_F3HW = (video_3FHW.transpose(0, 1).float() + 1) * 127.5
    return warped(rgb_F3HW, to_source_F23, sizes.side).flip(1).transpose(0, 1)
