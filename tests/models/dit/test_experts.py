"""LoRA experts: silent at first, on at their noise levels only, alone in what they learn."""

import warnings
from itertools import pairwise

import pytest
import torch

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
from models.dit.presets import PRESETS, on_meta
from tests.models.dit.expert_nets import net_of, randomise, seen, shown, with_experts

pytestmark = pytest.mark.usefixtures("one_thread")


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
