"""One rank of a small training, at every ZeRO level: `python -m tests.infra.sharded SCENE FOLDER`.

Its answers go to `FOLDER/SCENE-RANK.pt`, and it prints nothing.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infra.sharding import Sharded, Sharding, begin, end, mean_over_ranks, rank, shard, world

LEVELS = (0, 1, 2, 3)
STEPS = 8
HALF = 4


def small_net() -> nn.Module:
    """Another on each rank. No number of ranks divides its parameters, ZeRO 3 splits the largest, one is never
    used, and a layer is frozen."""
    torch.manual_seed(rank())
    net = nn.Sequential(
        nn.Linear(7, 321),
        nn.GELU(),
        nn.Linear(321, 331),
        nn.LayerNorm(331),
        nn.Linear(331, 5),
        nn.Linear(5, 5),
    )
    net[0].register_parameter("unused", nn.Parameter(torch.ones(3, 2)))
    net[5].requires_grad_(False)
    return net


def adamw(named: list[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
    matrices = [parameter for _, parameter in named if parameter.ndim > 1]
    others = [parameter for _, parameter in named if parameter.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1e-3)


def sharded_net(zero: int, dtype: str = "fp32", accumulate: int = 1) -> Sharded:
    return shard(small_net(), adamw, Sharding.model_validate({"zero": zero, "dtype": dtype}), accumulate)


def step(sharded: Sharded, at: int, micro: int = 1, poison: bool = False) -> tuple[float, bool]:
    """Step `at` on its batch of eight: the mean loss of all ranks, and whether it was applied."""
    for group in sharded.optimizer.param_groups:
        group["lr"] = 1e-3 * (1 + at % 3)
    x_BC = torch.randn(8, 7, generator=torch.Generator().manual_seed(at))[rank() :: world()]
    total = torch.zeros(())
    for number, part_BC in enumerate(x_BC.chunk(micro)):
        loss = (sharded.module(part_BC).float() - part_BC[:, :5]).pow(2).mean()
        sharded.backward(loss * float("nan") if poison and rank() == world() - 1 and number == 0 else loss)
        total += loss.detach() / micro
    return mean_over_ranks(total).item(), sharded.step(longest=0.5).taken


def losses(sharded: Sharded, first: int, last: int, micro: int = 1) -> list[float]:
    answers = [step(sharded, at, micro) for at in range(first, last)]
    assert all(finite for _, finite in answers)
    return [loss for loss, _ in answers]


def keep(sharded: Sharded, path: Path) -> None:
    saved = dict(sharded.tensors())
    if rank() == 0:
        torch.save(saved, path)


def went_on(path: Path, zero: int, last: int = STEPS, first: int = HALF, dtype: str = "fp32") -> list[float]:
    sharded = sharded_net(zero, dtype)
    sharded.load(torch.load(path).__getitem__)
    return losses(sharded, first, last)


def fresh(folder: Path, dtype: str = "fp32") -> dict[str, Any]:
    """Undisturbed runs at each level, saved half-way."""
    found = {}
    for zero in LEVELS:
        sharded = sharded_net(zero, dtype)
        before = losses(sharded, 0, HALF)
        keep(sharded, folder / f"{dtype}-{world()}-{zero}.pt")
        found[f"{zero}"] = before + losses(sharded, HALF, STEPS)
    return found


def again(folder: Path) -> dict[str, Any]:
    """What each of the saved runs does next, at its own level and at others."""
    pairs = [(of, zero, zero) for of in (1, 2) for zero in LEVELS] + [
        (2, 2, 0),
        (1, 0, 3),
        (2, 3, 1),
        (2, 1, 2),
    ]
    return {f"{of}-{one}-{two}": went_on(folder / f"fp32-{of}-{one}.pt", two) for of, one, two in pairs}


def low(folder: Path) -> dict[str, Any]:
    found = fresh(folder, "bf16")
    paths = {zero: folder / f"bf16-{world()}-{zero}.pt" for zero in LEVELS}
    return found | {f"again {zero}": went_on(path, zero, dtype="bf16") for zero, path in paths.items()}


def poisoned(folder: Path) -> dict[str, Any]:
    kinds = [(zero, dtype, micro) for zero in LEVELS for dtype in ("fp32", "bf16") for micro in (1, 2)]
    return {f"{zero}-{dtype}-{micro}": _poisoned(zero, dtype, micro) for zero, dtype, micro in kinds}


def _poisoned(zero: int, dtype: str, micro: int) -> dict[str, Any]:
    """Two steps, one that is not finite on the last rank, and the rest as if it had not been tried."""
    sharded = sharded_net(zero, dtype, micro)
    x_BC = torch.ones(1, 7)
    first = losses(sharded, 0, 2, micro)
    before, seen_before = dict(sharded.tensors()), sharded.module(x_BC).detach()
    _, finite = step(sharded, 2, micro, poison=True)
    after, seen_after = dict(sharded.tensors()), sharded.module(x_BC).detach()
    same = all(torch.equal(before[name][key], after[name][key]) for name in before for key in before[name])
    same = same and torch.equal(seen_before, seen_after) and before.keys() == after.keys()
    return {"finite": finite, "same": same, "losses": first + losses(sharded, 2, STEPS, micro)}


def accumulated(folder: Path) -> dict[str, Any]:
    return {f"{zero}": losses(sharded_net(zero, accumulate=2), 0, STEPS, micro=2) for zero in LEVELS}


def frozen(folder: Path) -> dict[str, Any]:
    """Names that are saved, and what the frozen layer says of ones, before and after some steps."""
    found = {}
    for zero in LEVELS[:3]:
        net = small_net()
        sharded = shard(net, adamw, Sharding.model_validate({"zero": zero}))
        before: Tensor = net[5](torch.ones(1, 5))  # type: ignore[index]
        losses(sharded, 0, 2)
        found[f"{zero}"] = (list(dict(sharded.tensors())), before, net[5](torch.ones(1, 5)))  # type: ignore[index]
    return found


SCENES = {one.__name__: one for one in (fresh, again, low, poisoned, accumulated, frozen)}


def main(scenes: str, folder: Path) -> None:
    torch.set_num_threads(1)
    begin()
    for name in scenes.split(","):
        torch.save(SCENES[name](folder), folder / f"{name}-{world()}-{rank()}.pt")
    end()


def together(ranks: int, scenes: str, folder: Path, port: int) -> str:
    """Plays scenes on so many ranks, and gives what they printed."""
    shared = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "tests.infra.sharded", scenes, str(folder)]
    started = [
        subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **shared, "RANK": str(number), "LOCAL_RANK": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(ranks)
    ]
    printed = "".join(one.communicate()[0] for one in started)
    assert not any(one.returncode for one in started), printed
    return printed


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
