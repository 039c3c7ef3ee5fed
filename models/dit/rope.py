"""Where a token is, as a rotation of its queries and keys (RoPE over frame, row and column).

Reference tokens keep their frame and move to the rows and columns beyond the picture's (paper, B.4): frames that
belong together are near in time, yet never lie over one another. T tokens, c = half a head's numbers.
"""

from functools import lru_cache

import torch
from torch import Tensor

BASE = 10000.0


def split(head: int) -> tuple[int, int, int]:
    """How many of a head's numbers turn with frame, row and column: 44, 42 and 42 of 128, as in Wan."""
    side = 2 * (head // 6)
    return head - 2 * side, side, side


@lru_cache(maxsize=32)
def rotations(
    head: int, reference: int, target: int, rows: int, columns: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Complex (T, c), of `reference` frames and then of `target` frames; computed in 64 bits, whatever is kept."""
    # What is made under inference_mode could never be used in training afterwards, and this is kept.
    with torch.inference_mode(False), torch.no_grad():
        table_Tc = torch.cat(
            [
                _grid(head, reference, range(rows, 2 * rows), range(columns, 2 * columns)),
                _grid(head, target, range(rows), range(columns)),
            ]
        )
        return table_Tc.to(device, torch.complex128 if dtype == torch.float64 else torch.complex64)


def _grid(head: int, frames: int, rows: range, columns: range) -> Tensor:
    where = torch.meshgrid(
        *(torch.tensor(axis, dtype=torch.float64, device="cpu") for axis in (range(frames), rows, columns)),
        indexing="ij",
    )
    angles = [
        place.reshape(-1, 1) * BASE ** -(torch.arange(0, size, 2, dtype=torch.float64, device="cpu") / size)
        for place, size in zip(where, split(head), strict=True)
    ]
    angle_Tc = torch.cat(angles, 1)
    return torch.polar(torch.ones_like(angle_Tc), angle_Tc)


def rotated(x_BTHd: Tensor, rotation_Tc: Tensor) -> Tensor:
    """Neighbouring numbers are one complex number, as in Wan."""
    wide = x_BTHd.double() if rotation_Tc.dtype == torch.complex128 else x_BTHd.float()
    turned = torch.view_as_complex(wide.unflatten(-1, (-1, 2))) * rotation_Tc[:, None]
    return torch.view_as_real(turned).flatten(-2).type_as(x_BTHd)
