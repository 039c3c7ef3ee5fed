"""What needs a GPU to be measured runs here with tiny nets, so that it runs there, too."""

from dataclasses import replace

import torch

from tests.perf.gpu import lines, size


def test_the_gpu_benchmark_runs_on_tiny_nets():
    threads = torch.get_num_threads()
    try:
        found = {line.what.strip(): line.value for line in lines(replace(size(small=True), compiles=False))}
    finally:
        torch.set_num_threads(threads)
    assert min(found.values()) > 0
    assert {"1b, training step", "wan2.2-5b-xdub, a dub", "plain over it"} <= set(found)
