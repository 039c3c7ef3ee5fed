"""What counts as a sign that a face is covered, what never does, and what becomes of the clip: drawn and real people."""

import numpy as np
import pytest

from flows.recipes import Recipe
from flows.run.graph import nodes_of, stages_of
from models.hands.finder import Hand
from storage.media.encode import encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.ingest import IngestConfig
from tasks.masks import unpack
from tasks.occluders import Covered, Occluders, OccludersConfig, OccludersInput, OccludersRow
from tasks.occluders.config import SignLimits
from tasks.occluders.measuring import seen
from tasks.occluders.signs import BARE, HAND, LIPS, PASSING, Signs, lasting
from tasks.screen import ScreenConfig
from tests.tasks.drawn_people import FRAMES, SIDE, SKIN, ellipse, person, track_of

LIMITS = SignLimits()


def signs_of(cover=None, hands=None, **colours):
    return seen(*person(cover, **colours), hands, LIMITS)


def names(signs):
    return {name for name, at_F in signs.by_name.items() if at_F.any()}


# -- what is seen ----------------------------------------------------------------------------------------


def over(across, down, colour, middle=(64, 90), when=range(FRAMES)):
    def cover(rgb_HWC, frame):
        if frame in when:
            ellipse(rgb_HWC, middle, across, down, colour)
        return rgb_HWC

    return cover


@pytest.mark.parametrize(
    "colour", [(120, 170, 205), (230, 230, 228), (25, 25, 28)], ids=["blue", "white", "black"]
)
def test_a_mask_hides_the_lips_on_every_frame(colour):
    signs, outlines = signs_of(over(36, 26, colour))
    assert signs.by_name[LIPS].all()
    assert signs.lips_F.min() > 0.9
    assert signs.covered
    assert LIPS in outlines[7]


def test_a_mask_of_the_colour_of_skin_leaves_no_mouth_to_be_seen():
    signs, _ = signs_of(over(36, 26, (214, 170, 140)))
    assert signs.by_name[BARE].all()
    assert not signs.covered, "it may be a soft picture: a person looks"
    assert signs.scores["stability"] == 0


def test_a_microphone_that_stands_still_hides_a_part_of_the_lips():
    signs, _ = signs_of(over(9, 14, (30, 30, 32), middle=(64, 94)))
    assert signs.by_name[LIPS].all()
    assert 0.25 < signs.lips_F.mean() < 0.9


def test_what_passes_is_seen_while_it_is_there():
    signs, outlines = signs_of(over(22, 18, (150, 120, 100), when=range(8, 17)))
    assert np.flatnonzero(signs.by_name[PASSING]).tolist() == list(range(8, 17))
    assert signs.covered
    (x0, y0), (x1, y1) = outlines[10][PASSING].min(0), outlines[10][PASSING].max(0)
    assert 40 < x0 < x1 < 88
    assert 68 < y0 < y1 < 110


def beard(rgb_HWC, frame):
    mouth = rgb_HWC.copy()
    chin_HW = ellipse(rgb_HWC, (64, 96), 34, 22, tuple(0.4 * np.array(SKIN)))
    lips_HW = ellipse(mouth.copy(), (64, 86), 16, 11, (0, 0, 0)) & chin_HW
    red_HW = np.abs(mouth - SKIN).sum(-1) > 20
    rgb_HWC[lips_HW & red_HW] = mouth[lips_HW & red_HW]
    return rgb_HWC


def glasses(rgb_HWC, frame):
    for x in (46, 82):
        ellipse(rgb_HWC, (x, 50), 13, 10, (30, 30, 30))
    return rgb_HWC


NEVER = {
    "nothing": {},
    "a beard": {"cover": beard},
    "glasses": {"cover": glasses},
    "lipstick": {"lip": (150, 20, 50)},
    "dark skin": {"skin": (92, 64, 52), "lip": (88, 56, 52)},
    "dim light": {"cover": lambda rgb_HWC, frame: rgb_HWC * 0.3},
    "light that flickers": {"cover": lambda rgb_HWC, frame: rgb_HWC * (0.8 + 0.2 * np.sin(frame / 4))},
    "light from one side": {
        "cover": lambda rgb_HWC, frame: rgb_HWC * np.linspace(0.4, 1, SIDE)[None, :, None]
    },
    "no colours": {"cover": lambda rgb_HWC, frame: np.repeat(rgb_HWC.mean(-1, keepdims=True), 3, axis=-1)},
    "a shadow of two frames": {"cover": over(30, 20, (120, 90, 80), when=(11, 12))},
}


@pytest.mark.parametrize("given", NEVER.values(), ids=NEVER)
def test_what_belongs_to_a_face_or_its_light_is_no_sign(given):
    signs, outlines = signs_of(**given)
    assert not names(signs), signs.words
    assert (signs.words, signs.worst, signs.scores["stability"]) == ("", None, 1.0)
    assert not any(outlines)


class Fist:
    """Sees a hand on these pictures, where it is told."""

    def __init__(self, middle, reach=16.0, first=0):
        angle_K = np.arange(21) / 21 * 2 * np.pi
        self.points = np.stack([middle[0] + reach * np.cos(angle_K), middle[1] + reach * np.sin(angle_K)], 1)
        self.looks, self.first = 0, first

    def find(self, rgb_HWC, least):
        self.looks += 1
        return [Hand(self.points, 0.9)] if self.looks > self.first else []


def test_a_hand_counts_where_it_is_over_the_lower_face():
    signs, outlines = signs_of(hands=(finder := Fist((64, 96))))
    assert finder.looks == FRAMES / LIMITS.look_every
    assert signs.by_name[HAND].all()
    assert not signs.covered, "a hand alone is a doubt, for the finder errs"
    assert len(outlines[0][HAND]) > 10
    beside, _ = signs_of(hands=Fist((110, 115)))
    assert not names(beside)


def test_hands_are_looked_for_half_as_often_while_none_is_in_sight():
    every = LIMITS.look_every
    never, _ = signs_of(hands=(finder := Fist((64, 96), first=FRAMES)))
    assert finder.looks == -(-FRAMES // (2 * every))
    assert not names(never)
    late, _ = signs_of(hands=Fist((64, 96), first=1))
    assert late.by_name[HAND].tolist() == [f >= every for f in range(FRAMES)]


def test_a_track_without_a_mesh_says_what_to_set():
    rgb_FHWC, track = person(frames=4)
    with pytest.raises(ValueError, match="to mesh or mediapipe"):
        seen(rgb_FHWC, track_of(track.five_T52), None, LIMITS)


# -- what it amounts to ----------------------------------------------------------------------------------


def signs_with(frames=50, **given):
    none = {"hand_F": np.zeros(frames), "lips_F": np.zeros(frames), "passing_F": np.zeros(frames)}
    return Signs(LIMITS, **(none | {"bare_F": np.zeros(frames, bool)} | given))


def first(count, value, frames=50):
    return np.where(np.arange(frames) < count, value, 0 * value)


def test_clearly_covered_on_more_than_a_tenth_is_refused():
    few, many = (signs_with(lips_F=first(count, 0.6)) for count in (5, 6))
    assert not few.covered
    assert many.covered
    assert few.scores == {"stability": 0.9, "stability_worst": 0.0, "worst_frame": 0}
    assert "lips hidden on 6 (up to 60% of them) of 50 frames" in many.reason
    assert "clearly covered on 6 of them, and may be on at most 10%" in many.reason


def test_two_weak_signs_that_agree_are_a_strong_one():
    passing, bare, hand = first(20, 0.1), first(20, True), first(20, 0.3)
    assert not any(
        signs_with(**one).covered for one in ({"passing_F": passing}, {"bare_F": bare}, {"hand_F": hand})
    )
    assert signs_with(passing_F=passing, bare_F=bare).covered
    assert signs_with(passing_F=passing, hand_F=hand).covered
    assert signs_with(bare_F=bare, hand_F=hand).covered


def test_the_worst_frame_is_where_most_is_seen():
    signs = signs_with(passing_F=first(20, 0.1), lips_F=np.where(np.arange(50) == 13, 0.9, 0.0))
    assert signs.worst == 13


def test_what_is_shorter_than_three_frames_does_not_last():
    assert lasting(np.array([0, 1, 1, 0, 0, 2, 3, 2, 0.0])).tolist() == [0, 0, 0, 0, 0, 2, 2, 2, 0]
    assert lasting(np.array([1, 1, 0, 0, 1, 1, 1.0])).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert lasting(np.array([True])).tolist() == [True]


# -- the stage -------------------------------------------------------------------------------------------


def judged(cover=None, **settings):
    rgb_FHWC, track = person(cover)
    stage = Occluders(OccludersConfig(segmenter="signs", **{"model": ""} | settings))
    stage.setup(Store())
    row = OccludersInput("c1", FRAMES, encode_video(None, rgb_FHWC, 25, crf=10), track.to_bytes())
    (result,) = stage([row])
    assert result.id == "c1"
    return result


def test_a_bare_face_gets_an_empty_mask_and_no_doubt():
    row = judged()
    assert isinstance(row, OccludersRow)
    assert not unpack(row.occluder_masks).any()
    assert unpack(row.occluder_masks).shape == (FRAMES, SIDE, SIDE)
    assert (row.doubt, row.stability, row.worst_frame, row.empty) == ("", 1.0, None, True)


def test_a_covered_face_is_refused_with_its_picture():
    refused = judged(over(36, 26, (120, 170, 205)))
    assert isinstance(refused, Covered)
    assert refused.code == "covered"
    assert f"clearly covered on {FRAMES} of them" in refused.reason
    poster_HWC = decode_image(refused.poster)
    assert poster_HWC.shape[1] == 3 * poster_HWC.shape[0]


def test_a_doubt_is_kept_with_the_row_and_lowers_its_stability():
    row = judged(over(22, 18, (150, 120, 100), when=range(8, 17)), covered_share=0.5)
    assert isinstance(row, OccludersRow)
    assert "something passes on 9" in row.doubt
    assert row.stability == pytest.approx(0.7)
    assert row.stability_worst == 0
    assert row.worst_frame in range(8, 17)
    assert not unpack(row.occluder_masks).any()


def test_signs_need_no_captions_and_the_other_ways_keep_their_names():
    recipe = Recipe(
        ingest=IngestConfig(face="mesh"),
        occluders=OccludersConfig(segmenter="signs", model=""),
        screen=ScreenConfig(policy="doubtful"),
    )
    nodes = {node.name: node for node in nodes_of(stages_of(recipe))}
    assert "captions" not in nodes
    assert nodes["occluders"].reads == ("verdict", "ingest")
    assert nodes["screen"].reads == ("occluders", "ingest")
    other = {node.name: node for node in nodes_of(stages_of(Recipe()))}
    assert other["occluders"].reads == ("captions", "ingest")
    assert other["screen"].reads == ("occluders",)
    assert set(other["occluders"].computation.config) == {"segmenter", "model", "whole", "whole_share"}
    assert nodes["occluders"].fingerprint != other["occluders"].fingerprint


def test_a_version_is_told_how_it_was_judged():
    told = [Occluders(OccludersConfig(**one)).told()["occlusion"] for one in (
        {}, {"segmenter": "signs", "model": ""}, {"segmenter": "signs", "model": "palm + hand"},
    )]  # fmt: skip
    assert told == ["masks of sam2", "signs: skin, passing", "signs: hands, skin, passing"]
    with pytest.raises(ValueError, match="set model to"):
        OccludersConfig(segmenter="signs")
