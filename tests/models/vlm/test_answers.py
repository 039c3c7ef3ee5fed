"""What vision-language models say, as they have been seen to say it, and what is made of it."""

import pytest

from models.vlm.answers import Unclear, boxes, phrases

NOTHING = [
    "nothing", "Nothing.", "None", "No.", "no object", "No objects occlude the face.", "N/A", "[]", "**None**",
    "No, the person's face is fully visible.", "There is no object occluding the face.", "Not occluded",
    "The person's face is not occluded by any object.", "The face is clearly visible.", "没有", "无", "否。",
    "没有任何物体遮挡此人的脸。", "It doesn't appear that any object occludes the face.",
]  # fmt: skip
NAMED = {
    "hand": ["hand"],
    "A hand.": ["hand"],
    "Hand, microphone": ["hand", "microphone"],
    "a hand and the hand": ["hand"],
    "- a hand\n- a cup": ["hand", "cup"],
    "1. hand 2. cup": ["hand", "cup"],
    "Yes, there is a microphone occluding the face.": ["microphone"],
    "The person's face is partially covered by a surgical mask.": ["surgical mask"],
    "There are two objects: a hand and a cup": ["hand", "cup"],
    "A hand holding a phone": ["hand", "phone"],
    "The object is a mug.": ["mug"],
    "['hand', 'cup']": ["hand", "cup"],
    "her hair": ["hair"],
    "手": ["手"],
    "有，一只手遮挡了脸。": ["手"],  # noqa: RUF001
    "麦克风和手": ["麦克风", "手"],
    "是的，口罩。": ["口罩"],  # noqa: RUF001
}
UNCLEAR = {
    "": "empty",
    " ...\n": "names no object",
    "Yes.": "names no object",
    "something": "names no object",
    "I'm sorry, I can't help with that.": "names no object",
    "The video shows a woman who talks to the camera in a bright kitchen": "names no object",
    "a long thin dark blue striped woollen winter thing": "names no object",
    "No, but a hand is near the chin": "says no and then",
    "a, b, c, d, e, f, g, h, i, j": "names 10 objects",
}


@pytest.mark.parametrize("answer", NOTHING)
def test_nothing_has_many_forms(answer):
    assert phrases(answer, 5) == []


@pytest.mark.parametrize(("answer", "named"), NAMED.items())
def test_things_are_named_in_few_words_or_many(answer, named):
    assert phrases(answer, 5) == named


@pytest.mark.parametrize(("answer", "why"), UNCLEAR.items())
def test_what_names_nothing_and_denies_nothing_is_unclear_and_says_why(answer, why):
    with pytest.raises(Unclear, match=why):
        phrases(answer, 5)


BOX = (0.1, 0.2, 0.4, 0.6)
READ = {
    "as Qwen says it": '```json\n[\n\t{"bbox_2d": [10, 40, 40, 120], "label": "hand"}\n]\n```',
    "single quotes and talk": "Sure! [{'bbox_2d': [10, 40, 40, 120], 'label': 'hand'}] I hope this helps.",
    "bare": "[10, 40, 40, 120]",
    "nested": "[[10.0, 40, 4e1, 120.]]",
    "an object": '{"bbox_2d": [10,40,40,120]}',
    "doubled": '[{"bbox_2d": [10, 40, 40, 120]}, {"bbox_2d": [10, 40, 40, 120]}]',
}


@pytest.mark.parametrize("answer", READ.values(), ids=READ)
def test_a_box_is_read_however_it_is_wrapped_and_becomes_shares_of_the_picture(answer):
    assert boxes(answer, 100, 200).boxes == (pytest.approx(BOX),)
    assert not boxes(answer, 100, 200).refused


def test_what_is_cut_off_costs_the_cut_box_only():
    read = boxes('[{"bbox_2d": [10, 40, 40, 120], "label": "hand"}, {"bbox_2d": [50, 60, 7', 100, 200)
    assert read.boxes == (pytest.approx(BOX),)
    assert read.refused == ("[50, 60, 7] is cut off",)
    assert not boxes('[{"bbox_2d": [10, 40, 40, 12', 100, 200).boxes, "its last number may be half of one"


def test_boxes_that_reach_beyond_the_picture_are_clipped():
    assert boxes("[-20, 40, 40, 900]", 100, 200).boxes == (pytest.approx((0, 0.2, 0.4, 1)),)


@pytest.mark.parametrize(
    ("answer", "why"),
    {
        "[40, 40, 10, 120]": "inverted",
        "[10, 40, 40, 40]": "empty or inverted",
        "[110, 40, 140, 120]": "outside",
        "[-50, 40, 0, 120]": "outside",
        "[NaN, 40, 40, 120]": "not finite",
        "[10, 40, 1e999, 120]": "not finite",
        "[10, 40, 40]": "3 numbers",
        "[-5, -5, 400, 400]": "whole picture",
        ", ".join(f"[{n}, 40, 40, 120]" for n in range(5)): "5 boxes",
        "The hand is in the lower left corner.": "no box can be read",
        "": "no box can be read",
    }.items(),
)
def test_boxes_that_point_at_nothing_are_refused_with_a_reason(answer, why):
    read = boxes(answer, 100, 200)
    assert read.boxes == ()
    assert why in "; ".join(read.refused)


@pytest.mark.parametrize("answer", ["[]", "```json\n[]\n```", "None", "It is not visible.", "没有"])
def test_not_there_is_an_answer_and_no_fault(answer):
    assert boxes(answer, 100, 200).boxes == boxes(answer, 100, 200).refused == ()
