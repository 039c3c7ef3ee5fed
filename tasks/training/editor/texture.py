"""The editor's third phase: an expert for low noise, which without sound has to look like the companion (METHOD 7).

Audio attention is off in half of the steps, and only there ArcFace and CLIP compare what is guessed with the companion:
with sound, lips have to differ. The loss is 1 - cosine: the paper's equation 12 as printed would drive faces apart.
B samples, F frames of H by W pixels.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from models.dit.inputs import DitInput
from models.faces.identity import SIDE, TEMPLATE_52
from models.faces.onnx_as_torch import OnnxAsTorch
from models.faces.warp import inverse, similarity
from models.faces.warp_gradient import warped
from models.weights.pretrained import load, load_processor
from models.weights.references import resolve
from tasks.training.chance import happens
from tasks.training.dit import Drawn, Predicted
from tasks.training.editor.decoding import beginnings, frames_of_part, guessed
from tasks.training.editor.expert import ExpertTraining, Taught
from tasks.training.editor.recipe import TextureRecipe
from tasks.training.objective import Batch

COMPARED = 3
"""Frames of a part, its ends among them."""


class Texture(ExpertTraining):
    """What the loop has to know of it."""

    name, told = "texture", ("same_face", "same_picture")

    def __init__(self, recipe: TextureRecipe):
        super().__init__(recipe)
        self.identity, self.clip, self.deaf = recipe.identity, recipe.clip, recipe.deaf
        self.weights = recipe.identity_weight, recipe.clip_weight

    def shown(self, batch: Batch, drawn: Drawn, chances: list[torch.Generator]) -> DitInput:
        """Lays out what all phases see, and for some samples switches audio attention off."""
        sequence = super().shown(batch, drawn, chances)
        return replace(sequence, heard_B=~happens(chances, self.deaf).to(drawn.t_B.device))

    def taught(self, predicted: Predicted, chances: list[torch.Generator]) -> Taught:
        """Returns how unlike the companion the guessed pictures of silent samples are."""
        z_BCFHW, firsts = guessed(predicted), beginnings(predicted, self.part, chances)
        assert predicted.sequence.heard_B is not None
        silent = [number for number, heard in enumerate(predicted.sequence.heard_B.tolist()) if not heard]
        if not silent:
            return z_BCFHW.new_zeros(()), self.untold()
        alike_N2 = torch.stack([self._alike(predicted.batch, z_BCFHW[n], n, firsts[n]) for n in silent])
        identity, likeness = alike_N2.unbind(1)
        lost = self.weights[0] * (1 - identity) + self.weights[1] * (1 - likeness)
        told = dict(zip(self.told, alike_N2.detach().mean(0), strict=True))
        return lost.sum() / len(z_BCFHW), told

    def _alike(self, batch: Batch, z_CFHW: Tensor, sample: int, first: int) -> Tensor:
        """Cosines with the companion: who it is, and what the whole picture looks like."""
        some = np.linspace(0, frames_of_part(0, self.part).stop - 1, COMPARED).round().astype(int)
        five_K52 = batch["five_BF52"][sample].cpu().numpy()[frames_of_part(first, self.part)][some]
        made, given = (
            (self.pictures(z, first)[:, some].transpose(0, 1).float() + 1) / 2
            for z in (z_CFHW, batch["companion_BCFHW"][sample])
        )
        seen = ((self.who(rgb, five_K52), self.what(rgb)) for rgb in (made, given))
        return torch.stack([cosine_similarity(*both).mean() for both in zip(*seen, strict=True)])

    def who(self, rgb_K3HW: Tensor, five_K52: np.ndarray) -> Tensor:
        """Returns ArcFace's vectors of faces in pictures of 0..1."""
        to_source_K23 = np.stack([
            inverse(similarity(five_52, TEMPLATE_52 + 0.5)) for five_52 in five_K52
        ])  # fmt: skip
        return self._arcface(warped(rgb_K3HW, to_source_K23, SIDE) * 2 - 1)

    def what(self, rgb_K3HW: Tensor) -> Tensor:
        """Returns CLIP's vectors of whole pictures of 0..1."""
        model, side, mean_311, deviation_311 = self._clip
        small = interpolate(rgb_K3HW, (side, side), mode="bicubic", antialias=True)
        return model(pixel_values=(small - mean_311) / deviation_311).image_embeds

    @cached_property
    def _arcface(self) -> nn.Module:
        return OnnxAsTorch(self.identity).to(self.device)

    @cached_property
    def _clip(self) -> tuple[nn.Module, int, Tensor, Tensor]:
        path = resolve(self.clip)
        said = load_processor(CLIPImageProcessor, path)
        mean, deviation = (
            torch.tensor(one, device=self.device).view(3, 1, 1) for one in (said.image_mean, said.image_std)
        )
        model = load(CLIPVisionModelWithProjection, path).to(self.device).requires_grad_(False)
        return model, int(model.config.image_size), mean, deviation
