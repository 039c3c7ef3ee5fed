"""Hands are found by MediaPipe's networks run without MediaPipe: where they look, what is refused, and real ones."""

import numpy as np
import pytest

from models.faces.blazeface import Sighting, anchors, decode
from models.faces.outline import convex, filled, inside
from models.faces.warp import apply
from models.hands import load_hands
from models.hands.finder import fingers_up
from models.weights.references import ModelError
from storage.media.container import open_media
from storage.media.decode import decode_video
from tests.media_files import DATA, needs_data
from tests.registry_files import FINDER, HAND, PALM, needs_weights


def palm(wrist, middle):
    points_P2 = np.zeros((7, 2))
    points_P2[0], points_P2[2] = wrist, middle
    return Sighting((80.0, 100.0, 40.0, 40.0), points_P2, 0.9)


def test_the_mesh_sees_the_fingers_above_the_wrist():
    upright = fingers_up(palm((100, 140), (100, 110)), 224)
    assert apply(upright, np.array([[112.0, 112.0]])).tolist() == [[100, 100]], "half a palm farther up"
    np.testing.assert_allclose(apply(upright, np.array([[0.0, 0.0], [224, 224]])), [[48, 48], [152, 152]])
    lying = fingers_up(palm((80, 120), (110, 120)), 224)
    np.testing.assert_allclose(apply(lying, np.array([[112.0, 112.0]])), [[120, 120]])
    np.testing.assert_allclose(
        apply(lying, np.array([[112.0, 0.0]])), [[172, 120]], err_msg="its top is on the right"
    )


def test_palms_have_anchors_of_their_own():
    assert anchors(2016)[[0, 1, 2, 1152]].tolist() == [[1 / 48, 1 / 48]] * 2 + [
        [3 / 48, 1 / 48],
        [1 / 24, 1 / 24],
    ]
    guesses_NG, logits_N = np.zeros((2016, 18), np.float32), np.full(2016, -50, np.float32)
    guesses_NG[1152], logits_N[1152] = [0, 0, 30, 20, *[1.0] * 14], 3.0
    (found,) = decode(guesses_NG, logits_N, 192, 0.5)
    assert found.box == pytest.approx((-7, -2, 30, 20))
    assert found.points_P2.tolist() == [[9, 9]] * 7


def test_an_outline_holds_what_is_inside_of_it():
    corners = convex(np.array([(2, 2), (10, 2), (10, 8), (2, 8), (5, 5), (6, 2), (3, 7)], float))
    assert sorted(map(tuple, corners.tolist())) == [(2, 2), (2, 8), (10, 2), (10, 8)]
    assert inside(np.array([(5, 5), (2, 2), (11, 5), (5, 1.9)]), corners).tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert filled(corners, 10, 12).sum() == 8 * 6
    assert not inside(np.array([(5.0, 5.0)]), convex(np.array([(1.0, 1.0), (9.0, 9.0)]))).any()
    assert convex(np.zeros((0, 2))).shape == (0, 2)


def test_without_a_reference_no_hands_are_looked_for():
    assert load_hands("") is None


@needs_weights(FINDER, PALM, HAND)
def test_files_that_are_no_finder_and_mesh_are_named():
    for reference in (f"{PALM}", f"{FINDER} + {HAND}", f"{PALM} + {PALM}"):
        with pytest.raises(ModelError, match="a finder of palms and a mesh of hands are needed"):
            load_hands(reference)


@needs_data
@needs_weights(PALM, HAND)
def test_a_hand_in_the_lap_is_found_and_none_in_a_face():
    finder = load_hands(f"{HAND} + {PALM}")
    assert finder is not None
    (hand, *_) = finder.find(first_frame("latentsync_demo1.mp4"), 0.5)
    assert hand.score > 0.9
    assert (np.ptp(hand.points_212, axis=0) > 80).all()
    np.testing.assert_allclose(hand.points_212.mean(0), (580, 1480), atol=60)
    assert finder.find(first_frame("bbaf2n.mpg"), 0.5) == []


def first_frame(name):
    with (DATA / "clips" / name).open("rb") as file, open_media(file) as media:
        return next(iter(decode_video(media)))
