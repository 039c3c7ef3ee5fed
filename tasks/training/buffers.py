"""What a network keeps beside its parameters and changes by itself: the running statistics of batch normalisation.

They belong to a checkpoint as parameters do. Each worker sees other samples and so has other statistics; with each
checkpoint all of them take the mean over the workers, so that a resumed training goes on with what the others have.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from infra import sharding
from tasks.training.average import Average


def buffers(net: nn.Module) -> dict[str, Tensor]:
    """Returns those that are kept with weights, by name."""
    kept = net.state_dict(keep_vars=True).keys()
    return {name: one for name, one in net.named_buffers() if name in kept}


def statistics(net: nn.Module) -> dict[str, Tensor]:
    """Returns those of which a mean means something; a count of batches is none."""
    return {name: one for name, one in buffers(net).items() if one.is_floating_point()}


def copied(net: nn.Module) -> dict[str, Tensor]:
    """Returns them as they are now."""
    return {name: one.detach().clone() for name, one in buffers(net).items()}


def kept_buffers(net: nn.Module) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Gives them as parameters are given to a checkpoint: copies on the CPU."""
    for name, one in buffers(net).items():
        yield name, {"value": one.detach().to("cpu", copy=True)}


@torch.no_grad()
def put_back(net: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Gives a network back what it had."""
    own = buffers(net)
    for name, one in saved.items():
        own[name].copy_(one)


def agree(net: nn.Module, average: Average) -> None:
    """Gives every worker the mean over all of them, of what is now and of its average; every worker calls it."""
    if sharding.world() > 1:
        now = statistics(net)
        put_back(net, _over_ranks(now))
        average.load(_over_ranks({name: average.values[name] for name in now if name in average.values}))


def _over_ranks(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: sharding.mean_over_ranks(one) for name, one in values.items()}
