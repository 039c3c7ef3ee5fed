"""Does something beside a training, after which the training goes on as if nothing had been."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def aside(net: nn.Module) -> Iterator[None]:
    """Without gradients, the net in its mode for use; chance, modes and the number of threads are put back after."""
    modes = {module: module.training for module in net.modules()}
    threads, drawn, numbers = torch.get_num_threads(), random.getstate(), np.random.get_state()
    for module in modes:  # DeepSpeed's own eval() forgets itself
        module.training = False
    try:
        with torch.random.fork_rng(_devices()), torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        torch.set_num_threads(threads)  # the mini face networks take one for themselves
        random.setstate(drawn)
        np.random.set_state(numbers)


def _devices() -> list[int]:
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []
