"""Experts travel in small files of their own; what is damaged, or for another net, is refused."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.dit.checkpoint import EXPERT
from models.dit.checkpoint import load as load_net
from models.dit.cost import example
from models.dit.expertfile import load, save
from models.dit.experts import (
    LAYERS,
    active,
    attach,
    attached,
    base_state,
)
from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from models.weights.about import about
from models.weights.references import ModelError
from tests.models.dit.expert_nets import TINY, net_of, seen, with_experts

pytestmark = pytest.mark.usefixtures("one_thread")

A, B = "blocks.0.spatial_attn.q.lora_A.weight", "blocks.1.ffn.2.lora_B.weight"


def test_an_expert_travels_in_a_file_of_its_own(tmp_path):
    net, path = with_experts("texture", "lip"), tmp_path / "new" / "lip.safetensors"
    save(net, "lip", path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    given = load_file(path)
    assert len(given) == 2 * 2 * 18  # A and B, blocks, Linears of each
    assert all(".lora_" in key and "texture" not in key for key in given)
    with safe_open(path, "pt") as file:
        assert list(file.metadata()) == ["about"], "several entries would come in any order"
        said = json.loads(file.metadata()["about"])[EXPERT]
    assert (said["name"], said["rank"], said["alpha"], said["layers"]) == ("lip", 3, 6, list(LAYERS))
    fresh = with_experts("texture")
    assert load(fresh, path) == "lip"
    assert (attached(fresh), active(fresh)) == (("texture", "lip"), None)
    for name in ("lip", "texture", None):
        assert torch.equal(seen(fresh, name), seen(net, name))
    narrow = net_of(dtype=torch.bfloat16)
    load(narrow, path)
    assert torch.equal(narrow.state_dict()[A.replace("_A", "_A.lip")], given[A])  # not rounded on its way


def test_a_file_says_what_else_is_known_of_it(tmp_path):
    save(with_experts("lip"), "lip", tmp_path / "lip.safetensors", {"licence": "CC0-1.0", "run": "lip-a"})
    said = about(tmp_path / "lip.safetensors")
    assert (said["licence"], said["run"], said[EXPERT]["name"]) == ("CC0-1.0", "lip-a", "lip")
    texts = {**said, EXPERT: json.dumps(said[EXPERT])}  # as a training writes what is nested
    save_file(
        load_file(tmp_path / "lip.safetensors"), tmp_path / "text.safetensors", {"about": json.dumps(texts)}
    )
    assert load(net_of(), tmp_path / "text.safetensors") == "lip"


def test_a_file_is_small_and_the_net_can_still_be_saved(tmp_path):
    torch.manual_seed(0)
    net = VideoDit(PRESETS["mini"])
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    attach(net, "lip", rank=8)
    save(net, "lip", tmp_path / "lip.safetensors")
    base = base_state(net)
    assert list(base) == list(before)
    assert all(torch.equal(base[key], before[key]) for key in before)
    save_file(base, tmp_path / "net.safetensors")
    small, large = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("lip", "net"))
    assert 4 * 8 * 13_312 < small < large / 10
    again = load_net(tmp_path / "net.safetensors")
    assert attached(again) == ()
    sequence = example("mini", "cpu", torch.float32)
    with torch.inference_mode():
        assert torch.equal(again(sequence), net(sequence))


def changed_file(path, change, about=()):
    """`change` is done to a copy of the tensors, `about` to what the file says of itself."""
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()["about"])[EXPERT] | dict(about)
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"about": json.dumps({EXPERT: said})})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "cannot be read .* truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read .* truncated"),
        (lambda path: torch.save({"a": torch.ones(2)}, path), "no safetensors"),
        (lambda path: path.unlink(), "no weights at"),
        (lambda path: save_file(net_of().state_dict(), path), "is no expert: nothing in it says so"),
        (lambda path: changed_file(path, lambda all: all[B][1].fill_(torch.nan)), rf"damaged: NaN.* 1 .*\({B}\)"),
        (lambda path: changed_file(path, lambda all: all.pop(B)), rf"1 missing \({B}\); load the net"),
        (lambda path: changed_file(path, lambda all: all.update(odd=all.pop(A))), r"1 missing.*1 unexpected \(odd\)"),
        (lambda path: changed_file(path, lambda all: None, {"rank": 4}), r"lora_A.weight \[3, 16\] for \[4, 16\]"),
        (lambda path: changed_file(path, lambda all: None, {"name": "wit"}), "no expert 'wit', but texture and lip"),
        (lambda path: changed_file(path, lambda all: None, {"rank": "x"}), "that this version knows"),
        (lambda path: changed_file(path, lambda all: None, {"layers": ["head"]}), "adapts some of spatial_attn"),
    ],
    ids=[
        "cut", "header", "pickle", "absent", "net", "nan", "missing", "unexpected", "rank", "name", "type", "layers",
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_refused(tmp_path, damage, says):
    path, net = tmp_path / "lip.safetensors", net_of()
    save(with_experts("lip"), "lip", path)
    damage(path)
    before = list(net.state_dict())
    with pytest.raises(ModelError, match=says):
        load(net, path)
    assert list(net.state_dict()) == before
    assert attached(net) == ()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (replace(TINY, dim=24), r"dim 16, not 24; .* of another shape \(blocks.0.spatial_attn.q.lora_A.weight \[3, 16\] "),
        (replace(TINY, spatial=False), r"spatial True, not False; 16 unexpected \(blocks.0.spatial_attn"),
        (replace(TINY, layers=3), r"layers 2, not 3; 36 missing \(blocks.2.spatial_attn.q.lora_A.weight, "),
        (replace(TINY, heads=1), "another net: heads 2, not 1; load"),  # no shape tells
    ],
)  # fmt: skip
def test_an_expert_of_another_net_is_refused(tmp_path, config, says):
    path, net = tmp_path / "lip.safetensors", net_of(config)
    save(with_experts("lip"), "lip", path)
    with pytest.raises(ModelError, match=says):
        load(net, path)
    assert attached(net) == ()


def test_what_cannot_be_attached_or_saved_is_refused(tmp_path):
    net, path = with_experts("lip"), tmp_path / "lip.safetensors"
    save(net, "lip", path)
    with pytest.raises(ModelError, match="a second 'lip'"):
        load(net, path)
    good = path.read_bytes()
    net.state_dict()[A.replace("_A", "_A.lip")].fill_(torch.inf)
    with pytest.raises(ModelError, match="'lip' is not saved: NaN or infinite"):
        save(net, "lip", path)
    assert path.read_bytes() == good
    for how, says in (
        ({"name": "lips"}, "no expert 'lips'"),
        ({"name": "lip"}, "attached already"),
        ({"name": "texture", "rank": 0}, "rank 0"),
        ({"name": "texture", "layers": ("head",)}, "adapts some of"),
    ):
        with pytest.raises(ValueError, match=says):
            attach(net, **how)
    with pytest.raises(ValueError, match="no spatial_attn to adapt"):
        attach(net_of(replace(TINY, spatial=False)), "lip", layers=("spatial_attn",))
    plain = net_of()
    plain.blocks[1].self_attn.q = torch.nn.Identity()  # as where q, k and v are one product
    for give in (lambda: attach(plain, "lip"), lambda: load(plain, path)):
        with pytest.raises(ValueError, match="no longer its own"):
            give()
    assert attached(plain) == ()
