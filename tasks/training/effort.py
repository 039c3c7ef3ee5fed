"""How hard a training uses its machine: memory at the most, and the share of the machine's peak (MFU).

The share counts what the model needs: operations of a forward pass, counted once on two samples, times three for
forward and backward together (the backward pass takes twice the forward's products). Activations that are computed
again are not counted, as is the custom. The peak is that of a large matrix product, measured when the training starts
on the same device and in the same precision; without a GPU it is a small one, for a start must not wait for it.
"""

import resource
import sys

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.dit.cost import peak_of
from tasks.training.aside import aside
from tasks.training.chance import chance
from tasks.training.objective import Objective, Windows

COUNTED = 2
"""Samples: an objective may need another one beside each."""
FORWARD_AND_BACKWARD = 3
SMALL = 768
"""Side of the matrices on a CPU: a tenth of a second, and about as quick as larger ones."""


class Effort:
    """What a step takes of one worker, of so many samples each."""

    def __init__(self, operations: int, peak: float):
        self.operations, self.peak = operations, peak

    def of(self, seconds: float) -> dict[str, float]:
        """Returns `memory`, bytes at the most so far, and `mfu`, 0..1, of a step that took so long."""
        return {"memory": float(_most_bytes()), "mfu": self.operations / max(seconds, 1e-9) / self.peak}


def effort_of(
    objective: Objective, net: nn.Module, windows: Windows, share: int, device: torch.device, dtype: str
) -> Effort:
    """Counts and measures, before the net is sharded; the training is as if it had not."""
    batch = windows.__getitems__(list(range(min(COUNTED, len(windows)))))
    moved = {key: one.to(device) if isinstance(one, torch.Tensor) else one for key, one in batch.items()}
    count = len(batch["id"])
    with aside(net):
        with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
            objective.loss(net, moved, [chance(0, 0, place) for place in range(count)])
        kind = torch.bfloat16 if dtype == "bf16" else torch.float32
        peak = peak_of(device.type, kind, 0 if device.type == "cuda" else SMALL)
    return Effort(FORWARD_AND_BACKWARD * counter.get_total_flops() * share // count, peak)


def _most_bytes() -> int:
    """Of a GPU what torch has held, without one what the process has."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else 1024 * held
