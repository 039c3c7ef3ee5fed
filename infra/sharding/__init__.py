"""A network, its optimizer and its gradients over one process or many: whole on each, or in pieces.

    begin()
    sharded = shard(net, optimizer_for, Sharding(zero=2, dtype="bf16"), accumulate=4)
    for batch in four:
        sharded.backward(loss(sharded.module(batch)))
    stepped = sharded.step(longest=1.0)
    end()

`zero` is DeepSpeed's ZeRO stage, and only `pieces` imports it. At 0 plain torch does it (`whole`). Every level
gives the same answers: gradients are averaged over micro-batches and ranks, a parameter without a gradient has a
gradient of zeros, the norm is that of all gradients together, and a step with one that is not finite changes
nothing and says so. What `tensors` gives at one level and number of ranks, `load` takes at any other.
"""

from torch import nn

from infra.sharding.joining import begin, end
from infra.sharding.pieces import Pieces
from infra.sharding.ranks import all_ranks, device, mean_over_ranks, rank, world
from infra.sharding.settings import OptimizerFor, Sharded, ShardingError, Stepped, trainable
from infra.sharding.whole import Whole
from infra.zero import Sharding

__all__ = [
    "OptimizerFor",
    "Sharded",
    "Sharding",
    "ShardingError",
    "Stepped",
    "all_ranks",
    "begin",
    "device",
    "end",
    "mean_over_ranks",
    "rank",
    "shard",
    "world",
]


def shard(net: nn.Module, optimizer_for: OptimizerFor, sharding: Sharding, accumulate: int = 1) -> Sharded:
    """Moves `net` to this rank's device and type, as rank 0 has it, and readies its optimizer. After `begin`."""
    if not trainable(net):
        raise ShardingError("no parameter of this network has requires_grad; set it on those to be trained")
    if sharding.zero == 0:
        return Whole(net, optimizer_for, sharding.dtype, accumulate)
    return Pieces(net, optimizer_for, sharding, accumulate)
