"""Jump cuts: a face that is elsewhere at once was cut, one that hurries was not."""

import av
import numpy as np

from storage.media.convert_frames import PictureConverter
from tasks.ingest.jump_cuts import find_jump_cut, step_between
from tests.footage import Dots, draw


def filmed(xs):
    """The steps of a drawn face at these places, and the pictures of it."""
    steps, pictures, last = [], {}, None
    for t, x in enumerate(xs):
        rgb = draw((160, 120), [(x, 60, 50)])
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
        pictures[t] = PictureConverter(1)(frame)
        shape = Dots().shape(rgb, (x - 30, 30, 60, 60))
        if last is not None:
            steps.append(step_between(t - 1, t, last, shape))
        last = shape
    return steps, pictures


def found_jump(xs):
    steps, pictures = filmed(xs)
    return [cut.after for t in range(len(steps)) if (cut := find_jump_cut(steps[: t + 1], pictures))]


def test_a_face_that_is_elsewhere_at_once_was_cut_and_one_that_hurries_was_not():
    sways = 70 + np.sin(np.arange(30) / 3)
    assert found_jump(sways + 9 * (np.arange(30) >= 14)) == [14]
    assert found_jump(70 + 30 / (1 + np.exp(-(np.arange(30) - 15) / 1.2))) == []
    assert found_jump(sways + 9 * (np.arange(30) == 14)) == []


def test_landmarks_that_slip_in_a_picture_that_goes_on_are_no_cut():
    xs = 70 + np.sin(np.arange(30) / 3)
    _, pictures = filmed(xs)
    slipped, _ = filmed(xs + 9 * (np.arange(30) >= 14))
    assert not any(find_jump_cut(slipped[: t + 1], pictures) for t in range(len(slipped)))
