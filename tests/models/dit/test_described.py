"""Weights that say which net they are for, and nets that start from the weights of another."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import save_file

from models.dit.checkpoint import inspect, load, load_what_fits
from models.dit.config import AudioConfig, DitConfig
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, stacked
from models.weights.references import ModelError

OWN = DitConfig(
    dim=24, layers=2, heads=2, ffn=32, channels=3, audio=AudioConfig(features=6, window=4, layers=1, width=8, heads=2),
    text=0, frequencies=16, preconditioned=True, reference_shift=4,
)  # fmt: skip
"""No preset."""


def net_of(config, seed=0):
    torch.manual_seed(seed)
    net = VideoDit(config)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    if config.preconditioned:
        net.channel_scale.uniform_(0.5, 2)
    return net


def written(path, net, said=None):
    """As a training exports them: the header holds one entry."""
    about = {"licence": "Apache-2.0", "dit": json.dumps(said or asdict(net.config))}
    save_file(net.state_dict(), path, {"about": json.dumps(about)})
    return path


@pytest.mark.parametrize(
    "config", [OWN, stacked(OWN), stacked(PRESETS["mini"]), replace(PRESETS["mini"], heads=2)]
)
def test_a_net_that_is_no_preset_is_loaded_as_what_it_says_it_is(tmp_path, config):
    net = net_of(config)
    path = written(tmp_path / "w.safetensors", net)
    again = load(path)
    assert again.config == config
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in net.state_dict().items())
    assert inspect(path).fit.whole
    assert inspect(path).fit.config == config


def test_it_is_called_by_its_preset_or_by_its_size(tmp_path):
    path = tmp_path / "w.safetensors"
    assert inspect(written(path, net_of(stacked(PRESETS["mini"])))).fit.name == "mini (stacked=2)"
    assert inspect(written(path, net_of(OWN))).fit.name == "a net of 2 layers of 24 numbers"


def test_a_folder_says_it_in_about_json(tmp_path):
    net = net_of(OWN)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        load(tmp_path)
    (tmp_path / "about.json").write_text(json.dumps({"dit": asdict(OWN)}))
    assert load(tmp_path).config == OWN


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"layers": 3},
            r"says that it is a net of 3 layers of 24 numbers, and is not: 27 missing \(blocks.2.",
        ),
        ({"dim": 28}, r"and is not: \d+ of another shape"),
        ({"layers": 10**12}, "has 84 tensors; copy it again"),
        ({"colour": 1}, "this version knows no 'colour'; update redub"),
        ({"dim": "24"}, "dim is '24', which is no int"),
        ({"spatial": 1}, "spatial is 1, which is no bool"),
        ({"heads": 0}, "heads is 0, and has to be 1 or more"),
        ({"heads": 5}, "5 heads of 24 numbers"),
        ({"audio": {"features": 6, "wide": 1}}, "knows no 'wide'"),
        ({"audio": {"window": 4}}, "features is missing"),
        ({"audio": 7}, "7 is no AudioConfig"),
    ],
)
def test_what_says_something_else_than_it_is_is_refused_in_one_sentence(tmp_path, change, says):
    path = written(tmp_path / "w.safetensors", net_of(OWN), asdict(OWN) | change)
    for read in (inspect, load):
        with pytest.raises(ModelError, match=says) as refused:
            read(path)
        assert "\n" not in str(refused.value)


def test_a_config_that_differs_where_no_tensor_tells_is_refused(tmp_path):
    path = written(tmp_path / "w.safetensors", net_of(OWN))
    assert load(path, OWN).config == OWN
    other = replace(OWN, heads=4, reference_shift=0)
    with pytest.raises(ModelError, match="learnt with heads 2, not 4, reference_shift 4, not 0"):
        load(path, other)
    with pytest.raises(
        ModelError, match=r"a net of 2 layers of 24 numbers, not the given config: .*; load it as"
    ):
        load(path, replace(OWN, layers=3))


def test_an_editor_starts_from_a_generator_and_takes_the_noised_latents_half(tmp_path):
    generator, editor = net_of(stacked(OWN)), net_of(OWN, seed=1)
    fit = load_what_fits(editor, written(tmp_path / "w.safetensors", generator))
    assert fit.whole
    expected = generator.state_dict()
    expected["patch_embedding.weight"] = expected["patch_embedding.weight"][:, 3:]
    assert all(torch.equal(value, expected[key]) for key, value in editor.state_dict().items())


def test_what_another_net_has_and_this_one_not_is_named_and_the_rest_stays(tmp_path):
    small, large = net_of(OWN), net_of(replace(OWN, channels=5, layers=3), seed=1)
    before = {key: value.clone() for key, value in large.state_dict().items()}
    fit = load_what_fits(large, written(tmp_path / "w.safetensors", small))
    assert not fit.unexpected
    assert {one.split(" ")[0] for one in fit.reshaped} == {
        "channel_scale", "patch_embedding.weight", "head.head.weight", "head.head.bias",
    }  # fmt: skip
    assert "head.head.bias [12] for [20]" in fit.reshaped
    assert {name.split(".")[1] for name in fit.missing} == {"2"}
    now = large.state_dict()
    kept = {*fit.missing, *(one.split(" ")[0] for one in fit.reshaped)}
    assert all(torch.equal(now[key], before[key]) for key in kept)
    assert all(torch.equal(now[key], value) for key, value in small.state_dict().items() if key not in kept)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (replace(OWN, dim=28), r"fits no block of this net: .*of another shape \(.* for "),
        (replace(OWN, heads=4), "learnt with 4 heads, and this net has 2"),
    ],
)
def test_weights_of_another_network_are_refused_as_a_beginning(tmp_path, config, says):
    net = net_of(OWN)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(ModelError, match=says):
        load_what_fits(net, written(tmp_path / "w.safetensors", net_of(config)))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
