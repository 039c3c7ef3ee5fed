"""The shipped mini generator on strangers, and the windows that it learnt from."""

import numpy as np
import pytest
import torch

from models.dit.checkpoint import inspect, load
from models.dit.inputs import Motion
from models.dit.painting import Sampling, painted
from models.mini.generator.corpus import EACH, Plan, WorldWindows, make_shard
from models.mini.generator.measure import COMPANION, FLOORS, Use, dubbed, measured
from models.mini.generator.people import film
from models.mini.generator.scores import films, leak
from models.mini.generator.strangers import sounds_of, strangers
from models.mini.report import Result
from models.mini.shards import shard_file
from models.vae.latent_weights import latent_weights
from models.weights.about import about
from models.weights.references import resolve

pytestmark = pytest.mark.usefixtures("one_thread")


def test_it_says_what_it_reached_on_forty_strangers_and_that_is_above_the_floors():
    said = about(resolve("mini:generator"))
    assert said["licence"] == "Apache-2.0"
    assert said["command"] == "make mini-generator"
    for name, floor in FLOORS.items():
        assert Result(name, said["measured"][name]["mean"], floor).good, name
    assert inspect("mini:generator").fit.whole


def test_lips_of_strangers_follow_the_sound_and_not_the_source():
    numbers, rgb_NFHWC = measured(load("mini:generator"), strangers(240, 9), Sampling())
    assert rgb_NFHWC.shape == (9, 25, 64, 64, 3)
    assert numbers["opening_r"] > 0.6
    assert numbers["leak"] < 0.2
    assert numbers["identity"] > 0.88
    assert numbers["psnr_mask"] > 20
    assert numbers["silent_motion"] < 0.03


def test_without_its_help_a_generator_paints_all_by_itself_with_another_moment_before_its_eyes():
    people, net = strangers(240, 2), load("mini:generator")
    helped, alone, far = (
        dubbed(net, people, sounds_of(people)[0], Sampling(), 0, "mini:vae", use)
        for use in (COMPANION, Use(pasted=False), Use(pasted=False, near=False))
    )
    source, outside = films(people, 1), ~np.stack([one.pair.paint_2FHW[1] for one in people])
    kept = [np.abs(made.astype(int) - source)[outside].mean() for made in (helped, alone)]
    assert kept[0] < 0.5 < 2 < kept[1], "a VAE has touched all of it"
    assert not np.array_equal(alone, far)


def test_motion_frames_stay_as_they_are_given():
    net = load("mini:generator")
    z = torch.randn(1, 24, 7, 16, 16, generator=torch.Generator().manual_seed(1))
    made = painted(
        net, z, z[:, :, 0], torch.zeros(1, 7, 16, 96), z.flip(0) + 1, Sampling(), Motion(z[:, :, :2])
    )
    assert torch.equal(made[:, :, :2], z[:, :, :2])


def test_windows_of_the_world_are_the_same_each_time_and_of_a_pair_that_differs_in_the_lips_alone(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("models.mini.generator.corpus.SHARD", 2)
    windows, again = WorldWindows(Plan(people=2), tmp_path), WorldWindows(Plan(people=1), tmp_path / "again")
    for one in (windows, again):
        one.folder.mkdir(parents=True)
        make_shard(one.plan, shard_file(one.folder, one.plan.first, 0), 0)
    assert len(windows) == 2 * EACH == len(set(windows.ids))
    one, other = windows.__getitems__([1, 6]), again.__getitems__([1])
    assert one["id"] == ["world:1000000/0/far", "world:1000001/1/near"]
    for key in one.keys() - {"id"}:
        assert torch.equal(one[key][:1], other[key]), key
    pair = film(1_000_000)
    kept = ~pair.paint_2FHW[0] & ~pair.paint_2FHW[1]
    assert np.abs(pair.rgb_2FHWC[0].astype(int) - pair.rgb_2FHWC[1])[kept].mean() < 1.5


def test_a_mask_counts_on_a_latent_by_its_pixels_and_frames():
    mask_FHW = np.zeros((5, 8, 8), bool)
    mask_FHW[0, :4, :4], mask_FHW[1, :4, :4] = True, True
    (share_FHW,) = latent_weights(torch.from_numpy(mask_FHW)[None], 4)
    assert share_FHW.shape == (2, 2, 2)
    assert share_FHW[:, 0, 0].tolist() == [1.0, 0.25]


def test_motion_that_follows_the_source_is_a_leak():
    rng = np.random.default_rng(0)
    wanted, was = rng.normal(size=(2, 5, 25))
    assert leak(wanted, wanted, was) == pytest.approx(0, abs=1e-9)
    assert leak(was, wanted, was) == pytest.approx(1, abs=1e-9)
