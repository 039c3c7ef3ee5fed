"""What the mini SAM 2 learns from, that it learns, and how good the shipped weights are."""

import json
from dataclasses import asdict

import numpy as np
import torch

from models.mini.sam2 import corpus, measure, train
from models.mini.training import seeded
from models.mini.training import train as trained
from models.mini.world_clips import make_clip
from models.mini.world_pictures import TRAINING
from models.segment.mini import untrained
from models.segment.segmenter import box_of
from models.segment.unrolled import Tracked, track
from models.weights.references import resolve


def test_the_shipped_weights_hold_their_floors_on_strangers():
    about = json.loads((resolve("mini:sam2") / "about.json").read_text())
    assert about["licence"]
    assert about["trained_on"]
    assert about["plan"] == asdict(corpus.Plan())
    numbers = measure.measure("mini:sam2", 8, frames=16, seed=5)
    assert numbers["mask_iou"] > 0.77  # of few clips; `measured` is of many
    assert all(about["measured"][name] >= floor for name, floor in measure.FLOORS.items())


def test_a_loose_box_stays_in_the_picture_and_the_right_way_round():
    rng = np.random.default_rng(0)
    for box in ((0.0, 0.0, 64.0, 64.0), (30.0, 30.0, 31.0, 31.0), (60.0, 0.0, 64.0, 3.0)):
        for x0, y0, x1, y1 in (corpus.jittered(box, 64, rng) for _ in range(50)):
            assert 0 <= x0 < x1 <= 64
            assert 0 <= y0 < y1 <= 64


def test_a_box_is_drawn_where_the_thing_is_clear_to_see():
    clip = make_clip(1, TRAINING, 24, kind="hand")
    take = corpus.Take(clip.rgb_FHWC[::3], clip.occluder_FHW[::3])
    area_F = take.mask_FHW.sum((1, 2))
    for seed in range(20):
        order, (x0, y0, x1, y1) = corpus.frames_and_box(take, 4, np.random.default_rng(seed))
        assert area_F[order[0]] >= max(corpus.LEAST_PIXELS, 0.3 * area_F.max())
        steps = np.diff(order)
        assert len(order) == 4
        assert (steps > 0).all() or (steps < 0).all()
        assert (abs(steps[1:]) == 1).all()
        true_4 = np.array(box_of(take.mask_FHW[order[0]]))
        assert np.abs(true_4 - (x0, y0, x1, y1)).max() < 12


def test_the_loss_wants_the_mask_where_the_thing_is_and_its_absence_elsewhere():
    mask_BTHW = torch.zeros(1, 2, 64, 64)
    mask_BTHW[0, 0, 20:40, 20:40] = 1
    right_BTHW = (mask_BTHW[:, :, ::2, ::2] - 0.5) * 40

    def lost(logits_BTHW, presence):
        found = Tracked(logits_BTHW, torch.tensor([presence]), torch.tensor([[0.97, 0.0]]))
        return train.loss(found, mask_BTHW).item()

    right = lost(right_BTHW, [9.0, -9.0])
    assert right < 0.1
    assert lost(right_BTHW.roll(9, -1), [9.0, -9.0]) > right + 0.3
    assert lost(right_BTHW, [9.0, 9.0]) > right + 0.3
    anything_where_absent = right_BTHW.clone()
    anything_where_absent[:, 1] = 9.0
    assert lost(anything_where_absent, [9.0, -9.0]) == right


def test_memory_is_learned_through():
    """A few steps on one batch; the box is on the first frame only, so the others' masks come from memory."""
    rng, noise = seeded(0)
    model = untrained()
    made = [corpus.Take(c.rgb_FHWC, c.occluder_FHW) for c in (make_clip(1, p, 8, kind="cup") for p in (1, 2))]
    some = corpus.batch(made, 2, 3, rng, noise)
    losses = []

    def step():
        found = track(model, some.pixels_BT3HW, some.box_B4)
        losses.append(train.loss(found, some.mask_BTHW))
        return losses[-1]

    trained(model, step, 12, 1e-3)
    assert losses[-1] < 0.8 * losses[0]
    for part in (
        model.memory_attention,
        model.memory_encoder,
        model.object_pointer_proj,
        model.vision_encoder,
    ):
        grads = [p.grad for p in part.parameters() if p.grad is not None]
        assert any(grad.abs().sum() > 0 for grad in grads)
