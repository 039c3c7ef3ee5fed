"""How clips are cut into segments, and what is laid over them."""

import numpy as np
import pytest

from models.companions.segments import Cut, composed, inner_feather, passing


@pytest.mark.parametrize(
    ("frames", "starts"), [(10, [0]), (25, [0]), (26, [0, 20]), (45, [0, 20]), (46, [0, 20, 40])]
)
def test_segments_cover_the_clip_each_beginning_with_the_last_frames_of_the_one_before(frames, starts):
    assert Cut().starts(frames) == starts
    assert starts[-1] + 25 >= frames


def test_blended_frames_are_painted_twice():
    assert Cut(25, 5, 2).starts(61) == [0, 18, 36]
    with pytest.raises(ValueError, match="leave nothing"):
        Cut(25, 5, 20)


def test_blended_frames_go_evenly_from_the_one_to_the_other():
    before, after = np.zeros((3, 2, 2, 3)), np.full((3, 2, 2, 3), 8.0)
    assert passing(before, after, 3)[:, 0, 0, 0].tolist() == [2, 4, 6]
    assert passing(before[:1], after[:1], 3)[:, 0, 0, 0].tolist() == [2], "where the clip ends"


def test_past_its_end_a_clip_turns_round():
    assert Cut(9, 1).frames_of(0, 4).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert Cut(9, 1).frames_of(0, 1).tolist() == [0] * 9


@pytest.mark.parametrize(("length", "motion"), [(24, 5), (25, 4), (25, 25), (5, 9)])
def test_cuts_that_the_vae_cannot_take_are_refused(length, motion):
    with pytest.raises(ValueError, match="frames"):
        Cut(length, motion)


def test_nothing_outside_the_mask_is_touched_and_well_inside_all_is_painted():
    mask_FHW = np.zeros((2, 32, 32), bool)
    mask_FHW[:, 8:24, 8:24] = True
    over_FHW = inner_feather(mask_FHW, 1.0)
    assert over_FHW[~mask_FHW].max() == 0
    assert over_FHW[:, 12:20, 12:20].min() == 1
    edge = over_FHW[0, 16, 8:12]
    assert (np.diff(edge) > 0).all()
    clip = np.full((2, 32, 32, 3), 100, np.uint8)
    made = composed(np.full((2, 32, 32, 3), 200.0), clip, over_FHW)
    assert (made[~mask_FHW] == 100).all()
    assert (made[:, 15, 15] == 200).all()
