"""Measures a SyncNet while it trains, on windows it does not learn from: those of a split, or of strangers.

measured(net, PRESETS["mini"], SyncWindows(catalog, "v3", "val", 25, 25, PRESETS["mini"]))
"""

import torch
from torch import nn

from models.sync.accuracy import accuracy
from models.sync.net import Sizes
from models.sync.syncnet import distances
from tasks.training.objective import Windows
from tasks.training.syncnet import vectors


@torch.no_grad()
def measured(
    net: nn.Module, sizes: Sizes, windows: Windows, most: int = 64, batch: int = 8
) -> dict[str, float]:
    """Returns in_sync_accuracy, exact_offset and within_one_frame, of windows spread over all there are.

    The crop is the middle of what the windows give. Numbers of short windows are lower than those of whole clips.
    """
    chosen = list(range(0, len(windows), max(1, len(windows) // most)))[:most]
    device, trains, room = next(net.parameters()).device, net.training, sizes.room
    net.eval()
    try:
        clips = []
        for start in range(0, len(chosen), batch):
            some = windows.__getitems__(chosen[start : start + batch])
            lips = some["lips_B3FHW"][..., room : room + sizes.side, room : room + sizes.side]
            found = vectors(net, lips.to(device).float(), some["mfcc_BCT"].to(device))
            both = zip(*(one.cpu().numpy() for one in found), strict=True)
            clips += [distances(lips_ND, sound_ND) for lips_ND, sound_ND in both]
    finally:
        net.train(trains)
    return accuracy(clips)
