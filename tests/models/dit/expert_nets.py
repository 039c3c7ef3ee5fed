"""Small nets of random numbers, with experts and without."""

import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.experts import (
    attach,
    switch,
)
from models.dit.inputs import editor_input
from models.dit.net import VideoDit

TINY = DitConfig(
    dim=16, layers=2, heads=2, ffn=20, channels=3, audio=AudioConfig(features=6, window=4, layers=1, width=8, heads=2),
    text=7, text_tokens=6, frequencies=8, spatial=True,
)  # fmt: skip


def net_of(config=TINY, seed=0, dtype=torch.float32):
    """Every number random: a new net's zeros would hide what they multiply."""
    torch.manual_seed(seed)
    net = VideoDit(config)
    for tensor in net.state_dict().values():
        tensor.normal_(std=0.3)
    return net.to(dtype)


def with_experts(*names, dtype=torch.float32, **how):
    """As if they had learnt something."""
    net = net_of(dtype=dtype)
    for seed, name in enumerate(names):
        attach(net, name, **{"rank": 3, "alpha": 6} | how)
        randomise(net, name, seed)
    return net


def randomise(net, name, seed):
    torch.manual_seed(100 + seed)
    for key, tensor in net.state_dict().items():
        if f".{name}." in key:
            tensor.normal_(std=0.3)


def shown(dtype=torch.float32, sound=True):
    torch.manual_seed(1)
    noised, companion = torch.randn(2, 1, 3, 2, 4, 4, dtype=dtype)
    heard, text = torch.randn(1, 2, 4, 6, dtype=dtype), torch.randn(1, 4, 7, dtype=dtype)
    return editor_input(noised, companion, torch.tensor([0.5]), heard if sound else None, text)


def seen(net, name=None, dtype=torch.float32):
    switch(net, name)
    with torch.inference_mode():
        return net(shown(dtype))
