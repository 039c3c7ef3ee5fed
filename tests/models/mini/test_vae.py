"""The shipped mini VAE on strangers, and the training that makes it."""

import json
from hashlib import sha256

import pytest
import torch
from diffusers import AutoencoderKLWan

from models.mini.vae.corpus import Plan
from models.mini.vae.linear_start import start_linear
from models.mini.vae.measure import FLOORS, decibels, load, measure
from models.mini.vae.train import CHANNELS, CONFIG, make, save, trunk
from models.mini.world_clips import make_clip
from models.vae import decode, encode, normalised
from models.weights.references import resolve

SMALL = Plan(people=3, frames=9, steps=3)


def videos(people, frames=9):
    clips = [torch.from_numpy(make_clip(3, person, frames).rgb_FHWC) for person in range(people)]
    return torch.stack(clips).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def test_strangers_come_back_with_their_mouths():
    about = json.loads((resolve("mini:vae") / "about.json").read_text())
    assert about["licence"] == "Apache-2.0"
    assert about["plan"] == vars(Plan())
    assert all(about["measured"][name] >= floor for name, floor in FLOORS.items())
    numbers = measure("mini:vae", 6)
    assert numbers["psnr"] >= FLOORS["psnr"] - 0.5  # of few people; `measured` is of many
    assert numbers["mouth_r"] >= FLOORS["mouth_r"]


def test_what_a_dit_sees_of_strangers_has_mean_square_one_and_the_channels_their_own_depths():
    vae = load("mini:vae")
    with torch.no_grad():
        z_NC = normalised(vae, encode(vae, videos(6))).movedim(1, -1).flatten(0, -2)
    assert z_NC.shape[1] == CHANNELS
    assert 0.7 < z_NC.square().mean() < 1.5
    assert (z_NC.mean(0).abs() < 0.6 * z_NC.std(0)).all()
    assert z_NC.std(0).max() > 5 * z_NC.std(0).min()
    assert len(set(vae.config.latents_std)) == 1


def test_it_starts_as_a_linear_codec_and_not_from_noise():
    torch.manual_seed(0)
    plain = {"latents_mean": [0.0] * CHANNELS, "latents_std": [1.0] * CHANNELS}
    vae, strangers = AutoencoderKLWan(**CONFIG, **plain), videos(2)

    def quality(trunk_only):
        with torch.no_grad():
            return decibels(
                float(
                    (decode(vae, encode(vae, strangers, trunk_only), trunk_only) - strangers).square().mean()
                )
            )

    assert quality(trunk_only=True) < 15
    start_linear(vae, videos(8)[2:])
    assert quality(trunk_only=True) > 21
    assert quality(trunk_only=False) == pytest.approx(quality(trunk_only=True), abs=0.01), (
        "the branches say nothing yet"
    )


def test_the_trunk_is_what_is_not_in_a_residual_branch():
    vae = AutoencoderKLWan(**CONFIG)
    names = {id(parameter): name for name, parameter in vae.named_parameters()}
    chosen = {names[id(parameter)] for parameter in trunk(vae)}
    assert {"encoder.conv_in.weight", "decoder.conv_out.weight", "quant_conv.weight"} <= chosen
    assert not [name for name in chosen if "attentions" in name or ".conv2." in name]


@pytest.mark.usefixtures("one_thread")
def test_the_same_plan_makes_the_same_bytes(tmp_path):
    digests = []
    for name in "ab":
        save(make(SMALL), SMALL, {}, tmp_path / name)
        digests.append([sha256(path.read_bytes()).digest() for path in sorted((tmp_path / name).iterdir())])
    assert digests[0] == digests[1]
