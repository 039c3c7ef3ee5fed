"""Trains a LoRA expert alone, over a frozen editor: what the lip and the texture phase share (METHOD 7).

Nothing but the expert's own matrices learns, so no other expert's momentum moves it, and a checkpoint is as small.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.dit.checkpoint import EXPERT, load
from models.dit.experts import LAYERS, Expert, attach, parameters_to_train, sizes_of
from models.dit.net import VideoDit
from models.vae import View
from tasks.training.dit import Predicted
from tasks.training.editor.decoding import decoded_part
from tasks.training.editor.recipe import ExpertRecipe
from tasks.training.editor.structure import Structure
from tasks.training.objective import Batch, Loss, Windows

Taught = tuple[Tensor, Mapping[str, Tensor]]
"""What teachers add to the loss, and what is told of it."""


class ExpertTraining(Structure):
    """What the loop has to know of it."""

    name: ClassVar[str]
    """Of the expert."""
    told: ClassVar[tuple[str, ...]]
    """What is told of its teachers."""

    def __init__(self, recipe: ExpertRecipe):
        super().__init__(recipe)
        self.rank, self.part = recipe.rank, recipe.part

    def build(self, windows: Windows, device: torch.device) -> nn.Module:  # noqa: ARG002
        """Returns the frozen editor with a new expert, which adds nothing yet.

        Without `init` the editor is one of random numbers: whether a step can be taken is known before there is one.
        """
        torch.manual_seed(self.recipe.seed)
        self.device = device
        editor = load(self.recipe.init, self.config) if self.recipe.init else VideoDit(self.config)
        return self.ready(self.with_expert(editor))

    def with_expert(self, net: VideoDit) -> VideoDit:
        """Returns an editor, frozen, with a new expert that is on and learns."""
        attach(net, self.name, self.rank, layers=self.layers)
        parameters_to_train(net, self.name)
        return net

    def loss(self, net: nn.Module, batch: Batch, chances: list[torch.Generator]) -> Loss:
        """Returns the flow-matching loss and the teachers'."""
        predicted = self.predicted(net, batch, chances)
        flow_loss = self.flow_loss(predicted)
        if not predicted.made_BCFHW.isfinite().all():  # nor is the loss, and the loop leaves the step out
            return Loss(flow_loss.value, {**flow_loss.parts, **self.untold()})
        low = predicted.made_BCFHW.dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            taught, told = self.taught(predicted, chances)
        return Loss(flow_loss.value + taught, {**flow_loss.parts, **told})

    def untold(self) -> Mapping[str, Tensor]:
        """Returns what is told where no teacher has anything to say."""
        return {name: torch.full((), float("nan"), device=self.device) for name in self.told}

    def pictures(self, z_CFHW: Tensor, first: int, view: View | None = None) -> Tensor:
        """Returns the pictures of the part of a clip that begins with a latent, or a view of them."""
        return decoded_part(self.vae, z_CFHW, first, self.part, self.recipe.recompute, view)

    @abstractmethod
    def taught(self, predicted: Predicted, chances: list[torch.Generator]) -> Taught:
        """Returns the losses on pictures."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Parts of a block that are adapted: all that this net has."""
        absent = {"spatial_attn": not self.config.spatial, "cross_attn": not self.config.text}
        return tuple(one for one in LAYERS if not absent.get(one))

    def about(self) -> Mapping[str, Any]:
        """Returns what an expert's file says of itself (models/dit/expertfile.py)."""
        expert = Expert(self.name, self.rank, self.rank, self.layers, sizes_of(self.config))
        return {EXPERT: asdict(expert)}

    def name_in_file(self, name: str) -> str | None:
        """Returns an expert's file's name for a tensor; None for the editor's own."""
        return name.replace(f".{self.name}.", ".") if ".lora_" in name else None
