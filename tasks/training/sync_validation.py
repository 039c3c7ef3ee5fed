"""Looks at a SyncNet with windows it does not learn from: of clips held out, or of strangers of the world.

What counts is how often the sound in sync is nearer than the same sound moved; a half is chance.
"""

from dataclasses import dataclass

from torch import nn

from models.mini.syncnet.windows import WorldLips
from models.sync.net import Sizes
from tasks.training.in_sync import measured
from tasks.training.objective import Validation, Windows

EACH = 8
"""Windows for each one that a generator is looked at with: these are quick."""


@dataclass(frozen=True)
class SyncValidator:
    """So many windows, spread over all there are."""

    windows: Windows
    sizes: Sizes
    most: int
    higher_is_better: bool = True

    def __call__(self, net: nn.Module, _step: int) -> Validation:
        if isinstance(self.windows, WorldLips):
            self.windows.make_here()
        return Validation(measured(net, self.sizes, self.windows, EACH * self.most), {})
