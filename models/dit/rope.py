"""Rotates queries and keys by where their token is (RoPE over frame, row and column).

Reference tokens keep their frame and move to the rows and columns beyond the picture's (paper, B.4): frames that
belong together are near in time, yet never lie over one another. T tokens, c = half a head's numbers.
"""

from functools import lru_cache

import torch
from torch import Tensor

BASE = 10000.0


def split(head: int) -> tuple[int, int, int]:
    """Returns how many of a head's numbers turn with frame, row and column: 44, 42 and 42 of 128, as in Wan."""
    side = 2 * (head // 6)
    return head - 2 * side, side, side


@lru_cache(maxsize=32)
def rotations(
    head: int,
    reference: int,
    target: int,
    rows: int,
    columns: int,
    shift: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Returns cosine and sine for `reference` and then `target` frames, (T, c, 2), computed in 64 bits.

    Reference tokens lie `shift` rows and columns beyond the target's; 0: as many as there are.
    """
    down, right = shift or rows, shift or columns
    # What is made under inference_mode could never be used in training afterwards, and this is kept.
    with torch.inference_mode(False), torch.no_grad():
        table_Tc = torch.cat(
            [
                _grid(head, reference, range(down, down + rows), range(right, right + columns)),
                _grid(head, target, range(rows), range(columns)),
            ]
        )
        kind = torch.float64 if dtype == torch.float64 else torch.float32
        return torch.view_as_real(table_Tc).to(device, kind)


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


def rotated(x_BTHd: Tensor, rotation_Tc2: Tensor) -> Tensor:
    """Rotates tokens; neighbouring numbers are one complex number, as in Wan.

    Written twice: complex multiplication is the quickest thing there is without a compiler (a third of the time of
    the other), and the one that no compiler takes apart.
    """
    pairs_BTHc2 = x_BTHd.to(rotation_Tc2.dtype).unflatten(-1, (-1, 2))
    if torch.compiler.is_compiling():
        real, imaginary = pairs_BTHc2.unbind(-1)
        cos, sin = rotation_Tc2[:, None].unbind(-1)
        turned = torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)
    else:
        turned = torch.view_as_real(
            torch.view_as_complex(pairs_BTHc2) * torch.view_as_complex(rotation_Tc2)[:, None]
        )
    return turned.flatten(-2).type_as(x_BTHd)
