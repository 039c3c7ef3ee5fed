"""Masks come back as they were, stay small, and damage is told."""

import numpy as np
import pytest

from tasks.masks import pack, unpack


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (20, 64, 64), (2, 512, 512), (0, 4, 4)])
def test_masks_come_back_as_they_were(shape):
    mask_FHW = np.random.default_rng(0).random(shape) < 0.3
    back_FHW = unpack(pack(mask_FHW))
    assert back_FHW.dtype == bool
    assert np.array_equal(back_FHW, mask_FHW)


def test_a_moving_thing_takes_a_few_bytes_a_frame():
    rows, columns = np.mgrid[:64, :64]
    mask_FHW = np.stack([np.hypot(rows - 40, columns - 10 - x) < 12 for x in range(50)])
    assert len(pack(mask_FHW)) / 50 < 40


@pytest.mark.parametrize("harm", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"RIFF" + b[4:]])
def test_damage_is_told(harm):
    data = pack(np.random.default_rng(0).random((4, 16, 16)) < 0.5)
    with pytest.raises(ValueError, match="masks"):
        unpack(harm(data))


def test_a_header_that_claims_other_sizes_is_no_mask():
    data = pack(np.ones((4, 16, 16), bool))
    with pytest.raises(ValueError, match="damaged"):
        unpack(data[:4] + (9999).to_bytes(4, "little") + data[8:])
