"""Looks at an editor with strangers of the procedural world: each has a rendered companion that moves as he does.

The numbers are those of the generator's validation (tasks/training/world_validation.py), so the two can be compared.
"""

from dataclasses import dataclass

import numpy as np
from torch import nn

from models.dubbing.request import Settings
from models.dubbing.suited import MINI_SAMPLING
from models.mini.editor.measure import measured
from tasks.training.world_validation import WorldValidator


@dataclass(frozen=True)
class WorldPairValidator(WorldValidator):
    """Experts that the net has are on between their noise levels."""

    settings: Settings = MINI_SAMPLING

    def measured(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray]:
        """Returns the numbers, and what was made."""
        return measured(net, self.strangers, self.settings, vae=self.vae)
