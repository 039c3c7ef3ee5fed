"""The captions stage: what becomes of good answers, and of all the bad ones a model may give."""

import json

import numpy as np
import pytest

from models.mini.captioner.measure import overlap
from models.mini.world_clips import make_clip
from models.segment.segmenter import box_of
from models.vlm.question import Reply
from storage.media.encode import encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.captions import Captions, CaptionsConfig, CaptionsInput, CaptionsRow
from tasks.stage import Rejected

FRAMES = 30


def row_of(item="c1", frames=FRAMES, size=64, declared=None, video=None):
    grey = [np.full((size, size, 3), 40 + 5 * n, np.uint8) for n in range(frames)]
    video = encode_video(None, grey, 25) if video is None else video
    return CaptionsInput(item, declared or frames, 25.0, video)


class Scripted:
    """Says `answer` of every clip, and `where` of every picture, as though it saw 56 x 56 pixels."""

    def __init__(self, answer, where=""):
        self.answer, self.where = answer, where

    def ask(self, questions, most_tokens):
        return [Reply(self.where if question.fps is None else self.answer, 56, 56) for question in questions]


def captioned(answer, where="", **row):
    stage = Captions()
    stage.vlm = Scripted(answer, where)
    (result,) = stage([row_of(**row)])
    assert result.id == "c1"
    return result


def test_a_thing_is_named_and_boxed_in_the_clips_own_pixels():
    row = captioned("A hand.", '```json\n[{"bbox_2d": [14, 7, 42, 56], "label": "hand"}]\n```', size=128)
    assert isinstance(row, CaptionsRow)
    assert (row.answer, row.occluders, row.ungrounded) == ("A hand.", ["hand"], [])
    assert json.loads(row.boxes) == [{"phrase": "hand", "frame": 7, "box": [32.0, 16.0, 96.0, 128.0]}]
    poster = decode_image(row.poster)
    assert poster.shape == (128, 3 * 128, 3)
    yellow = (poster[..., 0] > 180) & (poster[..., 2] < 110)
    assert yellow[20:120, 30:35].mean() > 0.15, "the box is drawn on the frame it belongs to"
    assert not yellow[:, 128:].any()


def test_nothing_is_a_result_with_three_plain_frames():
    row = captioned("Nothing.")
    assert (row.occluders, row.boxes, row.ungrounded) == ([], "[]", [])
    assert decode_image(row.poster).shape == (128, 3 * 128, 3)


def test_a_chinese_answer_is_as_good_as_another():
    assert captioned("没有。").occluders == []
    row = captioned("有，一只手遮挡了脸。", "[10, 10, 30, 30]")  # noqa: RUF001
    assert row.occluders == ["手"]
    assert "手" in row.boxes


@pytest.mark.parametrize(
    ("answer", "where", "code", "why"),
    [
        ("a, b, c, d, e, f, g, h, i, j", "[1, 1, 9, 9]", "unclear_answer", "10 objects"),
        ("", "", "unclear_answer", "empty"),
        ("hand", "It is on the left.", "not_grounded", "no box can be read"),
        ("hand", "[50, 10, 20, 40]", "not_grounded", "inverted"),
        ("hand", "[60, 60, 90, 90]", "not_grounded", "outside"),
        ("hand", "[0, 0, 56, 56]", "not_grounded", "whole picture"),
        ("hand", "[]", "not_grounded", "no box on any of 6 frames"),
    ],
)
def test_what_cannot_be_used_rejects_the_clip_with_a_code_and_a_reason(answer, where, code, why):
    result = captioned(answer, where)
    assert isinstance(result, Rejected)
    assert result.code == code
    assert why in result.reason


def test_a_phrase_without_a_box_is_told_beside_those_that_have_one():
    class OnlyHands(Scripted):
        def ask(self, questions, most_tokens):
            replies = super().ask(questions, most_tokens)
            return [
                Reply("[]", 56, 56) if '"cup"' in q.text else r
                for q, r in zip(questions, replies, strict=True)
            ]

    stage = Captions()
    stage.vlm = OnlyHands("hand, cup", "[5, 5, 30, 30]")
    (row,) = stage([row_of()])
    assert (row.occluders, row.ungrounded) == (["hand", "cup"], ["cup"])
    assert {box["phrase"] for box in json.loads(row.boxes)} == {"hand"}


def test_a_clip_shorter_than_it_says_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="clip c1 has fewer frames"):
        captioned("nothing", declared=FRAMES + 9)


def test_settings_and_weights_are_what_the_rows_depend_on():
    assert list(Captions().weights()) == ["mini:captioner"]
    assert Captions().packages() == {}
    assert "vllm" in Captions(CaptionsConfig(backend="vllm")).packages()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"min_pixels": 9999}, "above max_pixels"),
        ({"grounding": "Where?"}, "no {phrase}"),
        ({"frames": 0}, "frames"),
    ],
)
def test_settings_that_ask_nothing_are_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        CaptionsConfig(**wrong)


def test_the_mini_model_names_and_boxes_what_strangers_hold_before_their_faces():
    """Through the codec, in one batch, in order; what is worn is the surest to be named."""
    stage = Captions()
    stage.setup(Store())
    kinds = ["mask", None, "scarf", "mask", "scarf", "mask"]
    clips = [
        make_clip(5, 20 + n, 30, kind=kind) if kind else make_clip(5, 20 + n, 30, occluded=0)
        for n, kind in enumerate(kinds)
    ]
    rows = [row_of(f"c{n}", 30, video=encode_video(None, c.rgb_FHWC, 25)) for n, c in enumerate(clips)]
    results = stage(rows)
    assert [result.id for result in results] == [row.id for row in rows]
    assert [getattr(result, "occluders", result) for result in results] == [[k] if k else [] for k in kinds]
    boxes = [json.loads(result.boxes) for result in results]
    ious = [
        overlap(box["box"], box_of(clip.occluder_FHW[box["frame"]]))
        for clip, found in zip(clips, boxes, strict=True)
        for box in found
    ]
    assert len(ious) == 5
    assert np.mean(ious) >= 0.6
