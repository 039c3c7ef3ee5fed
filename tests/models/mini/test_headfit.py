"""The shipped mini head encoder on people it was not trained on, and the training that makes it."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import torch
from safetensors import safe_open

from models.heads import load_head
from models.heads.coefficients import FRAME_COEFFICIENTS
from models.heads.fit import TrackedFace
from models.mini.headfit.corpus import corpus, moves_of, recut
from models.mini.headfit.measure import FLOORS, measure
from models.mini.headfit.train import Plan, make, save
from models.mini.world_clips import make_clip
from models.mini.world_pictures import TRAINING, make_empty_room
from models.weights.references import resolve
from models.world.body.morphable import JAW_OPEN

SMALL = Plan(people=3, rooms=1, frames=3, first_steps=3, first_batch=2, steps=3, batch=2)


def test_strangers_are_fitted_and_their_masks_keep_the_secret():
    """Fewer people than the report has, so a little slack where few of them are bare."""
    numbers = measure("mini:head", 24)
    assert numbers["mask_iou"] >= 0.9
    assert numbers["covered"] >= 0.97
    assert numbers["landmarks"] <= 0.03
    assert min(numbers[f"{name}_r2"] for name in ("opening", "width", "protrusion")) >= 0.75
    assert numbers["leak_r2"] <= 0.1 < 0.4 <= numbers["leak_r2_of_boxes"]
    assert set(FLOORS) <= set(numbers)


def test_an_empty_room_has_no_head():
    fitter = load_head("mini", "mini:head")
    room = make_empty_room(9, 5, 3, (64, 64)).rgb_FHWC
    clip = make_clip(2, 5, 12, occluded=0.0)
    mixed_FHWC = np.concatenate([clip.rgb_FHWC[:6], room, clip.rgb_FHWC[6:]])
    seen_F = fitter.fit(TrackedFace(mixed_FHWC, np.zeros((15, 5, 2)))).seen_F
    assert np.flatnonzero(~seen_F).tolist() == [6, 7, 8]


def test_the_jaw_is_read_in_radians():
    mouth_F3 = np.zeros((20, 3))
    mouth_F3[:, 0] = np.linspace(0, 1, 20)
    clip = make_clip(2, 8, 20, mouth_F3=mouth_F3, occluded=0.0)
    jaw_F = load_head("mini", "mini:head").fit(TrackedFace(clip.rgb_FHWC, clip.five_F52)).jaw_F
    assert np.corrcoef(jaw_F, mouth_F3[:, 0])[0, 1] > 0.95
    assert jaw_F[-3:].mean() == pytest.approx(JAW_OPEN, abs=0.12)


def test_a_clip_cut_otherwise_has_its_truth_cut_with_it():
    """A bright dot where the camera's origin falls must be found again where the changed moves say."""
    rng = np.random.default_rng(0)
    clip = make_clip(2, 5, 4)
    moves_FM = moves_of(clip.scene, clip.mouth_F3)
    across, down, yaw = (FRAME_COEFFICIENTS.index(name) for name in ("x", "y", "yaw"))
    mirrored = 0
    for _ in range(8):
        changed_FM, dots_FHWC = moves_FM.copy(), np.zeros_like(clip.rgb_FHWC)
        for dots_HWC, move_M in zip(dots_FHWC, moves_FM, strict=True):
            dots_HWC[int(move_M[down] * 64), int(move_M[across] * 64)] = 255
        seen_F3HW = recut(dots_FHWC, changed_FM, rng)
        for seen_3HW, move_M in zip(seen_F3HW, changed_FM, strict=True):
            y, x = np.unravel_index(seen_3HW[0].argmax(), (64, 64))
            said_2 = 32 + (move_M[[across, down]] - 0.5) * 64 / 0.85
            assert np.abs(said_2 - (x + 0.5, y + 0.5)).max() < 2
        mirrored += changed_FM[0, yaw] == -moves_FM[0, yaw]
    assert 0 < mirrored < 8


def test_the_corpus_is_the_same_every_time():
    one, two = corpus(1, 2, 3, 1), corpus(1, 2, 3, 1)
    assert (one.rgb_CFHWC == two.rgb_CFHWC).all()
    assert one.moves_CFM.shape == (2, 3, len(FRAME_COEFFICIENTS))


def test_training_is_reproducible(tmp_path):
    threads = torch.get_num_threads()
    try:
        for name in "ab":
            save(make(SMALL), SMALL, {}, tmp_path / name)
        save(make(replace(SMALL, seed=2)), SMALL, {}, tmp_path / "c")
    finally:
        torch.set_num_threads(threads)
    one, two, other = (sha256((tmp_path / name).read_bytes()).digest() for name in "abc")
    assert one == two != other


def test_the_file_says_where_it_comes_from():
    path = resolve("mini:head")
    with safe_open(path, "pt") as stored:
        described = json.loads(stored.metadata()["about"])
    assert described["licence"] == "Apache-2.0"
    assert described["plan"] == vars(Plan())
    assert all(described["measured"][name] >= floor for name, floor in FLOORS.items() if name != "leak_r2")
    assert str(TRAINING) in described["trained_on"]
    assert path.stat().st_size < 4.2e6
