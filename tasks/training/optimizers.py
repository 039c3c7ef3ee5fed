"""The optimizers: AdamW, and Muon for the matrices of the blocks with AdamW for all else, in 32 bits.

Muon (Jordan et al. 2024) steps along the nearest orthogonal matrix to the momentum, found by a few Newton-Schulz
iterations. From scratch it learns in a third of AdamW's steps here.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tasks.training.recipe import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 4
LIKE_ADAM = 0.2
"""Root mean square of an update, as Adam's is: then one schedule and one decay serve both."""


def make_optimizer(settings: Optimizer, named: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
    """Returns the optimizer of these parameters; each group keeps its full rate as `base`."""
    named = list(named)
    if settings.kind == "adamw":
        groups = [{"params": [one for _, one in named], "lr": settings.rate, "base": settings.rate}]
        return torch.optim.AdamW(groups, betas=settings.betas, weight_decay=settings.weight_decay)
    matrices = [one for name, one in named if one.ndim == 2 and ".blocks." in f".{name}"]
    chosen = {id(one) for one in matrices}
    others = [one for _, one in named if id(one) not in chosen]
    return MuonAndAdam(matrices, others, settings)


class MuonAndAdam(torch.optim.Optimizer):
    """Muon for some parameters, AdamW for the others."""

    whole_matrices = True
    """A part of a matrix is of no use to it, so its state cannot be sharded."""

    def __init__(self, matrices: list[nn.Parameter], others: list[nn.Parameter], settings: Optimizer):
        groups = [
            {"params": matrices, "lr": settings.matrix_rate, "base": settings.matrix_rate, "muon": True},
            {"params": others, "lr": settings.rate, "base": settings.rate, "muon": False},
        ]
        shared = {
            "betas": settings.betas,
            "weight_decay": settings.weight_decay,
            "eps": 1e-8,
            "momentum": 0.95,
        }
        super().__init__([group for group in groups if group["params"]], shared)

    @torch.no_grad()
    def step(self, closure=None):
        """Takes one step; parameters without a gradient stay."""
        assert closure is None, "no closure is known here"
        for group in self.param_groups:
            update = _muon if group["muon"] else _adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    change = update(parameter.grad, self.state[parameter], group)
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(change, alpha=-group["lr"])


def _muon(gradient: Tensor, state: dict, group: dict) -> Tensor:
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    mean = state["momentum"].lerp_(gradient, 1 - group["momentum"])
    return orthogonal(gradient.lerp(mean, group["momentum"])) * (LIKE_ADAM * max(gradient.shape) ** 0.5)


def _adam(gradient: Tensor, state: dict, group: dict) -> Tensor:
    """Adam's update with its biases corrected (Kingma and Ba 2015, algorithm 1)."""
    if not state:
        state |= {"step": torch.zeros(()), "exp_avg": torch.zeros_like(gradient)}
        state["exp_avg_sq"] = torch.zeros_like(gradient)
    first, second = group["betas"]
    state["step"] += 1
    count = float(state["step"])
    mean = state["exp_avg"].lerp_(gradient, 1 - first) / (1 - first**count)
    square = state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    return mean / ((square / (1 - second**count)).sqrt() + group["eps"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Returns nearly the nearest orthogonal matrix: singular values become about 1."""
    a, b, c = NEWTON_SCHULZ
    x = matrix / (matrix.norm() + 1e-7)
    turned = x.shape[0] > x.shape[1]
    x = x.T if turned else x
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if turned else x


def pace(step: int, steps: int, settings: Optimizer) -> float:
    """Returns the share of its full rate that step number `step` (from 0) is taken at."""
    falling = settings.decay * steps
    rise = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    return rise * (min(1.0, (steps - step) / falling) if falling else 1.0)
