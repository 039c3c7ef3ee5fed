"""Masks of what is in front of a face: what comes of the boxes, and which masks can't be true."""

import dataclasses
import json

import numpy as np
import pytest

from models.mini.world_clips import make_clip
from models.segment.segmenter import Followed, box_of
from storage.media.encode import encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.ingest.track_data import TrackData
from tasks.masks import unpack
from tasks.occluders import Occluders, OccludersInput, OccludersRow
from tasks.stage import Rejected

SIDE, FRAMES = 64, 6
FIVE = np.array([(24, 24), (40, 24), (32, 32), (26, 42), (38, 42)], np.float32)
"""Of a face 36 pixels high, in the middle of a clip of 64."""


def track_of(five_T52):
    count = len(five_T52)
    return TrackData(
        points_TK2=five_T52,
        five_T52=five_T52,
        pose_T3=np.zeros((count, 3)),
        opening_T=np.zeros(count),
        width_T=np.full(count, 0.4),
        score_T=np.ones(count),
        square_T3=np.repeat([[300.0, 200.0, 128.0]], count, axis=0),
        change_T=np.ones(count),
    ).to_bytes()


def row_of(*boxes, **given):
    named = [{"phrase": phrase, "frame": frame, "box": box} for phrase, frame, box in boxes]
    grey = np.full((FRAMES, SIDE, SIDE, 3), 128, np.uint8)
    row = OccludersInput(
        id="c1",
        boxes=json.dumps(named),
        frames=FRAMES,
        video=encode_video(None, grey, 25),
        track_data=track_of(np.repeat(FIVE[None], FRAMES, axis=0)),
    )
    return dataclasses.replace(row, **given)


class Filler:
    """A segmenter whose masks are the boxes, on these frames; stability falls by a tenth a frame."""

    def __init__(self, frames=range(FRAMES)):
        self.frames, self.calls = list(frames), 0

    def propagate(self, rgb_FHWC, prompts):
        self.calls += 1
        answers = []
        for prompt in prompts:
            x0, y0, x1, y1 = (int(value) for value in prompt.box)
            mask_FHW = np.zeros(rgb_FHWC.shape[:3], bool)
            mask_FHW[self.frames, y0:y1, x0:x1] = True
            stability_F = 1 - 0.1 * np.arange(len(rgb_FHWC))
            answers.append(Followed(mask_FHW, mask_FHW.any((1, 2)), stability_F))
        return answers


def masked(row, segmenter=None, **config):
    stage = Occluders(Occluders.Config(**config))
    stage.segmenter = segmenter or Filler()
    (result,) = stage([row])
    assert result.id == row.id
    return result


def test_masks_of_all_boxes_are_put_together():
    row = masked(row_of(("red cup", 1, [0, 0, 32, 32]), ("hand", 4, [16, 16, 48, 48])))
    assert isinstance(row, OccludersRow)
    mask_FHW = unpack(row.occluder_masks)
    assert mask_FHW.shape == (FRAMES, SIDE, SIDE)
    assert mask_FHW[3].sum() == 32 * 32 * 2 - 16 * 16
    assert (row.objects, row.unfound_objects, row.empty, row.lost_frames) == (2, 0, False, 0)
    assert row.covered_share == pytest.approx(0.4375)
    assert row.face_share > row.covered_share
    assert (row.stability, row.stability_worst, row.worst_frame) == (
        pytest.approx(0.75),
        pytest.approx(0.5),
        5,
    )
    assert decode_image(row.poster).shape == (128, 3 * 128, 3)


def test_a_bare_face_gets_an_empty_mask_and_runs_no_model():
    segmenter = Filler()
    row = masked(row_of(), segmenter)
    assert row.empty
    assert not unpack(row.occluder_masks).any()
    assert unpack(row.occluder_masks).shape == (FRAMES, SIDE, SIDE)
    assert (row.covered_share, row.stability, row.worst_frame, segmenter.calls) == (0, 1, None, 0)


def test_out_of_sight_is_no_doubt_about_the_mask():
    row = masked(row_of(("hand", 0, [4, 4, 20, 20])), Filler(frames=[0, 1]))
    assert row.lost_frames == FRAMES - 2
    assert row.stability == pytest.approx(0.95)


@pytest.mark.parametrize(("box", "name"), [([0, 0, 64, 64], "picture"), ([10, 10, 56, 56], "face")])
def test_a_mask_over_all_of_the_face_is_refused(box, name):
    refused = masked(row_of(("white mask", 2, box)))
    assert isinstance(refused, Rejected), name
    assert refused.code == "mask_covers_all"
    assert "'white mask'" in refused.reason
    assert "6 of 6 frames" in refused.reason
    briefly = masked(row_of(("white mask", 2, box)), Filler(frames=[2, 3]))
    assert briefly.whole_frames == 2


def test_a_mask_of_nothing_is_refused_but_not_for_one_of_two_things():
    refused = masked(row_of(("red cup", 1, [0, 0, 32, 32])), Filler(frames=[]))
    assert isinstance(refused, Rejected)
    assert refused.code == "mask_empty"
    assert "'red cup'" in refused.reason
    row = masked(row_of(("red cup", 1, [0, 0, 32, 32]), ("hand", 1, [5, 5, 5.5, 5.5])))
    assert (row.objects, row.unfound_objects) == (2, 1)


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        (
            '[{"phrase": "red cup", "frame": 9, "box": [1, 1, 9, 9]}]',
            "clip c1, 'red cup': a box is on frame 9",
        ),
        ('[{"phrase": "red cup", "frame": 1, "box": [9, 9, 1, 1]}]', "clip c1, 'red cup': the box"),
        ('[{"phrase": "red cup", "frame": 1, "box": [1, 1, 99, 9]}]', "inside a picture of 64x64"),
        ('[{"phrase": "red cup", "box": [1, 1, 9, 9]}]', "no list of phrase, frame and box"),
        ("a red cup", "clip c1: 'a red cup' is no list"),
    ],
)
def test_boxes_that_cannot_be_this_clips_are_named(boxes, why):
    with pytest.raises(ValueError, match=why):
        masked(row_of(boxes=boxes))


def test_masks_are_never_of_other_frames():
    with pytest.raises(ValueError, match="has 6 frames that can be decoded, not 7"):
        masked(row_of(frames=7))


def test_a_clip_of_the_world_from_its_bytes():
    """The shipped weights on a stranger's clip, after the encoder, with a box on one frame."""
    clip = make_clip(5, 12, 16, kind="phone")
    stage = Occluders()
    stage.setup(Store())
    assert stage.weights().keys() == {"mini:sam2"}
    area_F = clip.occluder_FHW.sum((1, 2))
    frame = int(area_F.argmax())
    box = {"phrase": "phone", "frame": frame, "box": box_of(clip.occluder_FHW[frame])}
    row = row_of(
        boxes=json.dumps([box]),
        frames=16,
        video=encode_video(None, clip.rgb_FHWC, 25, crf=16),
        track_data=track_of(clip.five_F52.astype(np.float32)),
    )
    (result,) = stage([row])
    mask_FHW = unpack(result.occluder_masks)
    assert (mask_FHW & clip.occluder_FHW).sum() / (mask_FHW | clip.occluder_FHW).sum() > 0.75
    assert result.stability > 0.8
