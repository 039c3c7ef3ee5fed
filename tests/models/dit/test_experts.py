"""LoRA experts: silent at first, on at their noise levels only, alone in what they learn, and small files of their own."""

import json
import warnings
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.dit.checkpoint import EXPERT
from models.dit.checkpoint import load as load_net
from models.dit.config import AudioConfig, DitConfig
from models.dit.cost import example
from models.dit.expertfile import load, save
from models.dit.experts import (
    LAYERS,
    active,
    attach,
    attached,
    base_state,
    parameters_to_train,
    switch,
    switch_at,
)
from models.dit.flow import SHIFT, schedule
from models.dit.inputs import editor_input
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, on_meta
from models.weights.references import ModelError

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = DitConfig(
    dim=16, layers=2, heads=2, ffn=20, channels=3, audio=AudioConfig(features=6, window=4, layers=1, width=8, heads=2),
    text=7, text_tokens=6, frequencies=8, spatial=True,
)  # fmt: skip
A, B = "blocks.0.spatial_attn.q.lora_A.weight", "blocks.1.ffn.2.lora_B.weight"


def net_of(config=TINY, seed=0, dtype=torch.float32):
    """Every number random: a new net's zeros would hide what they multiply."""
    torch.manual_seed(seed)
    net = VideoDit(config)
    for tensor in net.state_dict().values():
        tensor.normal_(std=0.3)
    return net.to(dtype)


def with_experts(*names, dtype=torch.float32, **how):
    """As if they had learnt something."""
    net = net_of(dtype=dtype)
    for seed, name in enumerate(names):
        attach(net, name, **{"rank": 3, "alpha": 6} | how)
        randomise(net, name, seed)
    return net


def randomise(net, name, seed):
    torch.manual_seed(100 + seed)
    for key, tensor in net.state_dict().items():
        if f".{name}." in key:
            tensor.normal_(std=0.3)


def shown(dtype=torch.float32, sound=True):
    torch.manual_seed(1)
    noised, companion = torch.randn(2, 1, 3, 2, 4, 4, dtype=dtype)
    heard, text = torch.randn(1, 2, 4, 6, dtype=dtype), torch.randn(1, 4, 7, dtype=dtype)
    return editor_input(noised, companion, torch.tensor([0.5]), heard if sound else None, text)


def seen(net, name=None, dtype=torch.float32):
    switch(net, name)
    with torch.inference_mode():
        return net(shown(dtype))


def test_an_expert_is_off_and_then_silent_before_it_has_learnt():
    net, plain = net_of(), net_of()
    attach(net, "lip")
    assert (attached(net), active(net)) == (("lip",), None)
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert torch.equal(seen(net, None), seen(plain))
    assert torch.equal(seen(net, "lip"), seen(plain))
    randomise(net, "lip", 0)
    assert not torch.allclose(seen(net, "lip"), seen(plain), atol=1e-2)
    assert torch.equal(seen(net, None), seen(plain))


@pytest.mark.parametrize("layers", [LAYERS, ("self_attn", "ffn")], ids=["all", "some"])
def test_an_expert_is_what_its_equation_says(layers):
    """In 64 bits, W + alpha / rank B A worked into a net without peft."""
    net, plain = with_experts("lip", dtype=torch.float64, layers=layers), net_of(dtype=torch.float64)
    given, changed = net.state_dict(), 0
    for key, weight in plain.state_dict().items():
        part = key.removesuffix(".weight")
        if f"{part}.lora_A.lip.weight" in given:
            weight += 6 / 3 * given[f"{part}.lora_B.lip.weight"] @ given[f"{part}.lora_A.lip.weight"]
            changed += 1
    assert changed == 2 * sum(2 if part == "ffn" else 4 for part in layers)
    found, expected = seen(net, "lip", torch.float64), seen(plain, dtype=torch.float64)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_each_is_on_within_its_range_and_not_at_its_bounds():
    net = with_experts("texture", "lip")
    for t, name in {
        0.0: None, 1e-6: "texture", 0.29: "texture", 0.3: None, 0.35: None, 0.4: None, 0.41: "lip", 0.59: "lip",
        0.6: None, 1.0: None, 0.2: "texture", 0.5: "lip",
    }.items():  # fmt: skip
        switch_at(net, t)
        assert active(net) == name


def test_a_net_that_lacks_an_expert_goes_without():
    net, plain = with_experts("lip"), net_of()
    for t, name in ((0.5, "lip"), (0.2, None), (0.5, "lip"), (0.8, None)):
        switch_at(net, t)
        assert active(net) == name
    before = dict(plain.named_modules())
    switch_at(plain, 0.5)
    assert dict(plain.named_modules()) == before
    with pytest.raises(ValueError, match="'texture' is not attached; attached: lip"):
        switch(net, "texture")
    with pytest.raises(ValueError, match="attached: none"):
        parameters_to_train(plain, "lip")


def test_two_experts_do_not_mix():
    """Nor do they where they adapt different layers."""
    for layers in (LAYERS, ("self_attn", "ffn")):
        both, lip = net_of(), net_of()
        attach(both, "texture", rank=2, layers=layers)
        randomise(both, "texture", 7)
        for net in (both, lip):
            attach(net, "lip", rank=3)
            randomise(net, "lip", 0)
        without, textured = seen(net_of()), seen(both, "texture")
        assert torch.equal(seen(both, "lip"), seen(lip, "lip"))
        assert torch.equal(seen(both, "texture"), textured)
        assert not torch.allclose(textured, without, atol=1e-2)
        assert torch.equal(seen(both, None), without)


def test_one_expert_learns_and_nothing_else_does():
    net = with_experts("texture", "lip")
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    net.requires_grad_(True)
    learning = parameters_to_train(net, "lip")
    named = dict(net.named_parameters())
    assert {id(one) for one in learning} == {id(named[key]) for key in named if ".lip." in key}
    assert active(net) == "lip"
    optimiser = torch.optim.SGD(learning, 1.0)
    net(shown()).square().mean().backward()
    assert all((named[key].grad is not None) == (".lip." in key) for key in named)
    assert all(one.grad.any() for one in learning)
    optimiser.step()
    moved = {key for key, tensor in net.state_dict().items() if not torch.equal(tensor, before[key])}
    assert moved == {key for key in named if ".lip." in key}


def test_switching_leaves_what_is_trained_as_it_was():
    net = with_experts("texture", "lip")
    parameters_to_train(net, "texture")
    for name in ("lip", None, "texture", "lip"):
        switch(net, name)
        assert active(net) == name
        assert all(one.requires_grad == (".texture." in key) for key, one in net.named_parameters())


def test_attaching_another_changes_nothing_about_the_first():
    net = net_of()
    attach(net, "lip", rank=2)
    parameters_to_train(net, "lip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # peft's, about several of them, would only alarm
        attach(net, "texture", rank=4)
    assert active(net) == "lip"
    assert all(one.requires_grad == (".lip." in key) for key, one in net.named_parameters())


def test_experts_of_a_narrow_net_learn_in_32_bits():
    """A step of the paper's size (5e-6) has to arrive."""
    net = net_of(dtype=torch.bfloat16)
    attach(net, "lip", rank=3)
    learning = parameters_to_train(net, "lip")
    assert {one.dtype for one in learning} == {torch.float32}
    assert {tensor.dtype for tensor in base_state(net).values()} == {torch.bfloat16}
    optimiser = torch.optim.AdamW(learning, 5e-6, weight_decay=0)
    for _ in range(2):  # of the first step, A has no part: B is 0
        before = [one.detach().clone() for one in learning]
        optimiser.zero_grad()
        found = net(shown(torch.bfloat16))
        assert found.dtype == torch.bfloat16
        found.float().square().mean().backward()
        optimiser.step()
    assert all(not torch.equal(one, was) for one, was in zip(learning, before, strict=True))


def test_an_expert_travels_in_a_file_of_its_own(tmp_path):
    net, path = with_experts("texture", "lip"), tmp_path / "new" / "lip.safetensors"
    save(net, "lip", path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    given = load_file(path)
    assert len(given) == 2 * 2 * 18  # A and B, blocks, Linears of each
    assert all(".lora_" in key and "texture" not in key for key in given)
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()[EXPERT])
    assert (said["name"], said["rank"], said["alpha"], said["layers"]) == ("lip", 3, 6, list(LAYERS))
    fresh = with_experts("texture")
    assert load(fresh, path) == "lip"
    assert (attached(fresh), active(fresh)) == (("texture", "lip"), None)
    for name in ("lip", "texture", None):
        assert torch.equal(seen(fresh, name), seen(net, name))
    narrow = net_of(dtype=torch.bfloat16)
    load(narrow, path)
    assert torch.equal(narrow.state_dict()[A.replace("_A", "_A.lip")], given[A])  # not rounded on its way


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
    assert 4 * 8 * 29_952 < small < large / 10
    again = load_net(tmp_path / "net.safetensors")
    assert attached(again) == ()
    sequence = example("mini", "cpu", torch.float32)
    with torch.inference_mode():
        assert torch.equal(again(sequence), net(sequence))


def test_the_default_rank_is_small_beside_the_public_checkpoint():
    """Counted by hand: rows and columns of each Linear, thirty blocks."""
    with torch.device("meta"):
        net = on_meta(PRESETS["wan2.2-5b-xdub"])
        whole = sum(one.numel() for one in net.parameters())
        attach(net, "lip")
        added = sum(one.numel() for one in parameters_to_train(net, "lip"))
    assert added == 30 * 32 * (3 * 4 * (3072 + 3072) + 2 * (3072 + 14336)) == 104_202_240
    assert added / whole < 0.02


def test_most_steps_of_sampling_switch_nothing():
    """No expert is turned on twice: one change a bound, which is what makes switching cheap."""
    net, on = with_experts("texture", "lip"), []
    for t in schedule(30, SHIFT):
        switch_at(net, t)
        on.append(active(net))
    assert [after for before, after in pairwise([None, *on]) if before != after] == [
        "lip",
        None,
        "texture",
        None,
    ]


def changed_file(path, change, about=()):
    """`change` is done to a copy of the tensors, `about` to what the file says of itself."""
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()[EXPERT]) | dict(about)
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {EXPERT: json.dumps(said)})


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
