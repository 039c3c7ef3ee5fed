"""`redub models inspect` and `redub models bench`, as a person meets them."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import save_file

from models.dit.cost import counted
from models.dit.expertfile import save
from models.dit.experts import attach
from models.dit.net import VideoDit
from models.dit.presets import MINI


@pytest.fixture
def here(tmp_path, run_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run_command


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return {key: value.half().contiguous() for key, value in VideoDit(MINI).state_dict().items()}


def test_a_preset_is_known_by_its_tensors(here, weights, tmp_path):
    save_file(weights, tmp_path / "net.safetensors")
    said = here("models", "inspect", "net.safetensors")
    assert "138 tensors, 1.42 M, 3 MB" in said
    assert "It is mini, every tensor of it." in said


def test_what_does_not_fit_is_named(here, weights, tmp_path):
    lacking = {key: value for key, value in weights.items() if key != "blocks.3.ffn.2.weight"}
    save_file(lacking | {"extra": torch.zeros(2)}, tmp_path / "net.safetensors")
    said = here("models", "inspect", "net.safetensors", check=False)
    assert "Nearest is mini: 1 missing (blocks.3.ffn.2.weight); 1 unexpected (extra)" in " ".join(
        said.split()
    )
    whole = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "net.safetensors").write_bytes(whole[:-1000])
    assert "it is truncated" in " ".join(here("models", "inspect", "net.safetensors", check=False).split())


def test_what_a_training_exported_says_what_it_is_and_where_it_is_from(here, tmp_path):
    config = replace(MINI, layers=2, stacked=2)
    about = {"licence": "CC0-1.0", "trained_on": "world:[12]", "run": "gen-a", "step": "120"}
    header = {"about": json.dumps({**about, "dit": json.dumps(asdict(config))})}
    save_file(VideoDit(config).state_dict(), tmp_path / "w.safetensors", header)
    said = here("models", "inspect", "w.safetensors")
    assert "It is a net of 2 layers of 128 numbers, every tensor of it." in said
    assert "licence: CC0-1.0\ntrained on: world:[12]\ntraining: gen-a\nstep: 120\n" in said
    header = {"about": json.dumps({**about, "dit": json.dumps(asdict(replace(config, layers=3)))})}
    save_file(VideoDit(config).state_dict(), tmp_path / "w.safetensors", header)
    refused = " ".join(here("models", "inspect", "w.safetensors", check=False).split())
    assert "says that it is a net of 3 layers of 128 numbers, and is not: 27 missing (blocks.2." in refused


def test_an_expert_is_known_for_one(here, tmp_path):
    net = VideoDit(MINI)
    attach(net, "lip", rank=4)
    save(net, "lip", tmp_path / "lip.safetensors", {"licence": "CC0-1.0", "run": "lip-a"})
    said = " ".join(here("models", "inspect", "lip.safetensors").split())
    assert (
        "It is the LoRA expert 'lip', on at noise levels from 0.4 to 0.6, rank 4, for a net of 4 blocks of 128 numbers: "
        "redub dub --expert licence: CC0-1.0 training: lip-a" in said
    )


def test_the_cost_of_a_preset_is_measured_here(here):
    said = here("models", "bench", "mini", "--device", "cpu")
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    share, memory = rows["mini"][-3], float(rows["mini"][-2])
    assert share.endswith("%")
    # 5.7 MB of weights; at its widest, the FFN's 4 x 128 numbers of 896 tokens, and once more after the activation.
    assert 5.7 + 2 * 1.8 < memory < 5.7 + 4 * 1.8
    assert "1b" not in rows, "it was not asked for"
    assert "there are: mini, 1b" in " ".join(here("models", "bench", "5b", check=False).split())


def test_the_public_net_takes_129_tflop_a_pass():
    """Ten thousand tokens: 77 frames of 512x512, and as many of the companion."""
    cost = counted("wan2.2-5b-xdub")
    assert (cost.linear + cost.attention) / 1e12 == pytest.approx(129, abs=1)
    tokens, dim, layers = 2 * 20 * 16 * 16, 3072, 30
    own = 4 * tokens**2 * dim * layers
    assert own < cost.attention < 1.05 * own, "the rest is text and sound"
