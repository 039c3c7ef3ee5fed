"""The shipped captioner on strangers, and what its training rests on."""

import json

import numpy as np
import pytest
import torch

from models.mini.captioner.corpus import SIDE, box_of, counts_as_occluded, make_take, scaled
from models.mini.captioner.lessons import SEEN_SIDE, SIZES, all_texts, box_answer
from models.mini.captioner.measure import FLOORS, measure, overlap
from models.mini.captioner.network import make_net, make_processor
from models.mini.captioner.vision import BATCHED_ATTENTION, patches, tower_tokens
from models.vlm.answers import boxes
from models.vlm.question import Question
from models.vlm.qwen import prepare
from models.weights.references import resolve


@pytest.fixture(scope="module")
def processor():
    return make_processor(all_texts())


def test_strangers_occluders_are_named_and_boxed():
    """Of so few people some may stray; `measured` is of many."""
    numbers = measure("mini:captioner", people=18, frames=26)
    assert numbers["named_right"] >= FLOORS["named_right"] - 0.07
    assert numbers["none_when_none"] >= FLOORS["none_when_none"] - 0.07
    assert numbers["box_iou"] >= FLOORS["box_iou"]


def test_it_says_what_it_is_and_is_small():
    path = resolve("mini:captioner")
    about = json.loads((path / "about.json").read_text())
    assert about["licence"] == "Apache-2.0"
    assert all(about["measured"][name] >= floor for name, floor in FLOORS.items())
    assert sum(file.stat().st_size for file in path.iterdir()) < 8e6


def test_training_sees_the_patches_that_the_processor_will_cut(processor):
    rgb_FHWC = (
        make_take(3, 5, "cup", SEEN_SIDE).rgb_FCHW.permute(0, 2, 3, 1).numpy().repeat(2, 1).repeat(2, 2)
    )
    given = prepare(processor, [Question("?", rgb_FHWC, 2.0)], SIZES)["pixel_values_videos"]
    small_FCHW = scaled(rgb_FHWC, SEEN_SIDE).float()
    mine = patches(small_FCHW.view(-1, 2, 3, SEEN_SIDE, SEEN_SIDE))
    assert (mine - given).abs().mean() < 0.01


def test_attending_to_all_pictures_at_once_mixes_none_of_them(processor):
    visual = make_net(processor).model.visual
    rgb_BFCHW = 255 * torch.rand(3, 2, 3, SEEN_SIDE, SEEN_SIDE)
    one_by_one = tower_tokens(visual, rgb_BFCHW)
    visual.config._attn_implementation = BATCHED_ATTENTION
    assert torch.allclose(tower_tokens(visual, rgb_BFCHW), one_by_one, atol=1e-5)


def test_a_clip_is_occluded_when_a_twentieth_of_the_face_is_covered_in_any_frame():
    face_FHW, thing_FHW = (np.zeros((3, 20, 20), bool) for _ in range(2))
    face_FHW[:, :10, :10] = True
    thing_FHW[1, 12:, 12:] = True
    assert not counts_as_occluded(thing_FHW, face_FHW), "beside the face"
    thing_FHW[1, 0, :4] = True
    assert not counts_as_occluded(thing_FHW, face_FHW)
    thing_FHW[1, 0, :5] = True
    assert counts_as_occluded(thing_FHW, face_FHW)


def test_what_it_learns_to_say_is_read_back_as_the_true_box():
    thing_HW = np.zeros((SIDE, SIDE), bool)
    thing_HW[10:40, 20:64] = True
    assert box_of(thing_HW) == (20 / 64, 10 / 64, 1, 40 / 64)
    (read,) = boxes(box_answer(thing_HW, "cup"), SEEN_SIDE, SEEN_SIDE).boxes
    assert overlap(read, box_of(thing_HW)) > 0.9
    assert boxes(box_answer(thing_HW & False, "cup"), SEEN_SIDE, SEEN_SIDE).boxes == ()
