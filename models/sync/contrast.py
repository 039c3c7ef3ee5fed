"""What SyncNet learns by, and how often it is right: of all windows of a clip, one's own sound has to be nearest.

C counts clips, N windows of a clip, one a frame; D numbers of a vector.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

SHIFTS = range(2, 16)
"""Frames by which sound is moved, either way, to be told from sound in sync. One frame is less than people notice."""


def contrast(lips_CND: Tensor, sound_CND: Tensor) -> Tensor:
    """Returns a loss that wants, of all windows of a clip, one's own to be nearest, seen from either side."""
    near_CNN = -torch.cdist(lips_CND, sound_CND)
    own_CN = torch.arange(near_CNN.shape[1]).expand(len(near_CNN), -1)
    return (cross_entropy(near_CNN.transpose(1, 2), own_CN) + cross_entropy(near_CNN, own_CN)) / 2


@torch.no_grad()
def told_apart(lips_CND: Tensor, sound_CND: Tensor) -> Tensor:
    """Returns for each clip the share of shifts (C) at which the sound in sync is nearer; at chance that is a half.

    Both are compared over the same lips, so that neither has more windows to average over. NaN where a vector is.
    """
    apart_CNN = torch.cdist(lips_CND.float(), sound_CND.float())
    own_CN = apart_CNN.diagonal(0, 1, 2)
    nearer = []
    for shift in (one for one in SHIFTS if one < apart_CNN.shape[1]):
        later_C = (apart_CNN.diagonal(shift, 1, 2) - own_CN[:, :-shift]).mean(1)
        sooner_C = (apart_CNN.diagonal(-shift, 1, 2) - own_CN[:, shift:]).mean(1)
        nearer += [_positive(later_C), _positive(sooner_C)]
    return torch.stack(nearer).mean(0)


def _positive(number_C: Tensor) -> Tensor:
    return torch.where(number_C.isnan(), number_C, (number_C > 0).float())
