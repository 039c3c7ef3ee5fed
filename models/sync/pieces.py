"""Cuts windows into the pieces that SyncNet takes: five frames, and the twenty columns of sound heard with them.

B windows of F frames and T columns; N pieces of each, one a frame.
"""

from torch import Tensor

from models.sync.net import COLUMNS, FRAMES
from models.sync.syncnet import COLUMNS_A_FRAME


def lip_pieces(lips_B3FHW: Tensor) -> Tensor:
    """Returns (B, N, 3, 5, H, W), without a copy."""
    return lips_B3FHW.unfold(2, FRAMES, 1).permute(0, 2, 1, 5, 3, 4)


def sound_pieces(mfcc_BCT: Tensor) -> Tensor:
    """Returns (B, N, C, 20), without a copy."""
    return mfcc_BCT.unfold(2, COLUMNS, COLUMNS_A_FRAME).transpose(1, 2)
