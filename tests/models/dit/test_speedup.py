"""What makes a net quicker leaves it the net it was, or says by how much it does not."""

import copy
import sys

import pytest
import torch
from torch._dynamo.utils import counters

from models.dit.config import AudioConfig, DitConfig
from models.dit.experts import attach
from models.dit.inputs import Motion, editor_input
from models.dit.net import VideoDit
from models.dit.speedup import Float8Linear, Replayed, compiled, fused, in_float8, use_flash_attention_3

SMALL = DitConfig(
    dim=32, layers=3, heads=2, ffn=64, channels=4, audio=AudioConfig(features=16, window=4), text=16,
    text_tokens=3, spatial=True,
)  # fmt: skip


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = VideoDit(SMALL).requires_grad_(False).eval()
    for tensor in net.state_dict().values():
        tensor.normal_(std=0.2)
    return net


def shown(seed=0, device="cpu", dtype=torch.float32):
    made = torch.Generator().manual_seed(seed)

    def numbers(*sizes):
        return torch.randn(*sizes, generator=made).to(device, dtype)

    noised, companion = numbers(2, 4, 3, 4, 6), numbers(2, 4, 3, 4, 6)
    times = torch.rand(2, generator=made).to(device)
    return editor_input(
        noised, companion, times, numbers(2, 3, 4, 16), numbers(2, 2, 16), Motion(noised[:, :, :1] * 2)
    )


def off(made, wanted):
    return float((made - wanted).norm() / wanted.norm())


def test_one_product_for_queries_keys_and_values_changes_nothing(net):
    wanted = net(shown())
    once = fused(copy.deepcopy(net))
    assert [name for name in once.state_dict() if ".qkv.weight" in name] == [
        f"blocks.{block}.{kind}.qkv.weight" for block in range(3) for kind in ("spatial_attn", "self_attn")
    ]
    assert sum(t.numel() for t in once.state_dict().values()) == sum(
        t.numel() for t in net.state_dict().values()
    )
    assert off(once(shown()), wanted) < 1e-6


def test_blocks_are_compiled_once_for_all_of_them_and_compute_the_same(net):
    """Traced and taken apart as always, but not through a C++ compiler, which takes a minute; `make bench` does."""
    wanted = net(shown())
    counters.clear()
    with torch.inference_mode():
        made = compiled(net, "aot_eager")(shown())
        assert counters["stats"]["unique_graphs"] == 1
        assert not counters["graph_break"]
        assert off(made, wanted) < 1e-5


def test_float8_says_what_it_costs_and_is_refused_where_it_costs_too_much(net):
    given, other = shown(), shown(1)
    wanted, of_other = net(given), net(other)
    with pytest.raises(ValueError, match=r"changes by 0\.0\d+ of itself, and 0\.001 is allowed"):
        in_float8(net, given, 0.001)
    assert torch.equal(net(given), wanted)
    change = in_float8(net, given)
    linears = [name for name, module in net.named_modules() if isinstance(module, torch.nn.Linear)]
    assert not [name for name in linears if name.startswith("blocks.")]
    assert 0.002 < change < 0.05
    assert off(net(given), wanted) == pytest.approx(change, rel=1e-3)
    assert 0.002 < off(net(other), of_other) < 2 * change


def test_a_product_in_float8_is_its_rounded_numbers_multiplied():
    """Whatever is in a row, its largest number is met, and a token of zeros stays one."""
    torch.manual_seed(0)
    linear = torch.nn.Linear(32, 16)
    x = torch.randn(2, 5, 32) * torch.logspace(-3, 3, 5)[:, None]
    x[0, 0] = 0

    def rounded(rows):
        scale = rows.abs().amax(-1, keepdim=True).clamp(min=1e-30) / 448
        return (rows / scale).to(torch.float8_e4m3fn).double() * scale

    with torch.inference_mode():
        made, wanted = Float8Linear(linear)(x), rounded(x) @ rounded(linear.weight).T + linear.bias
    assert torch.equal(made[0, 0], linear.bias)
    assert off(made.double(), wanted) < 1e-5


def test_without_a_hopper_gpu_attention_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not use_flash_attention_3()
    assert "flash_attn_interface" not in sys.modules


@pytest.mark.parametrize("hasten", [fused, Replayed, lambda net: in_float8(net, shown())])
def test_what_would_lose_experts_is_refused(net, hasten):
    attach(net, "lip", rank=2)
    with pytest.raises(ValueError, match="a net with experts cannot be"):
        hasten(net)


@pytest.mark.gpu
def test_a_replayed_pass_is_the_pass(net):
    net = net.to("cuda", torch.bfloat16)
    replayed = Replayed(net)
    with torch.inference_mode():
        for seed in (0, 1, 0):
            given = shown(seed, "cuda", torch.bfloat16)
            assert torch.equal(replayed(given), net(given))
    assert len(replayed.recorded) == 1


@pytest.mark.gpu
def test_float8_on_a_gpu(net):
    net = net.to("cuda", torch.bfloat16)
    assert in_float8(net, shown(0, "cuda", torch.bfloat16)) < 0.05
