"""The public checkpoint's layout, and files that are not what they should be."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.dit.checkpoint import inspect, load
from models.dit.config import DitConfig
from models.dit.inputs import editor_input
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, count_parameters, on_meta, stacked
from models.weights.references import ModelError

XDUB = PRESETS["wan2.2-5b-xdub"]
SHRUNK: DitConfig = replace(
    XDUB, dim=24, layers=2, heads=2, ffn=32, channels=3, text=8, text_tokens=4, frequencies=16,
    audio=replace(XDUB.audio, features=6, width=8, heads=2, layers=2),
)  # fmt: skip
NEW = ("audio", "norm4")
"""What a published Wan lacks."""


def published_layout():
    """References and shapes as the file has them."""
    d, e = 3072, 1536
    yield from linear("text_embedding.0", d, 4096)
    yield from linear("text_embedding.2", d, d)
    yield from linear("time_embedding.0", d, 256)
    yield from linear("time_embedding.2", d, d)
    yield from linear("time_projection.1", 18432, d)
    yield from linear("head.head", 192, d)
    yield from linear("audio_embedding.proj_in", e, 2048)
    yield from linear("audio_embedding.proj_out", d, e)
    yield from [("patch_embedding.weight", (d, 48, 1, 2, 2)), ("patch_embedding.bias", (d,))]
    yield "head.modulation", (1, 2, d)
    for layer in (f"audio_embedding.layers.{number}" for number in range(4)):
        yield from [item for norm in ("norm1", "norm2") for item in affine(f"{layer}.{norm}", e)]
        yield from [(f"{layer}.attn.to_{kind}.weight", (e, e)) for kind in "qkv"]
        yield from linear(f"{layer}.attn.to_out.0", e, e)
        yield from linear(f"{layer}.ff.net.0.proj", 12288, e)
        yield from linear(f"{layer}.ff.net.2", e, 6144)
        yield f"{layer}.pos_embed.pe", (1, 100, e)
    for block in (f"blocks.{number}" for number in range(30)):
        yield f"{block}.modulation", (1, 6, d)
        for attention in ("self_attn", "cross_attn", "audio_attn"):
            yield from [item for kind in "qkvo" for item in linear(f"{block}.{attention}.{kind}", d, d)]
            yield from [(f"{block}.{attention}.norm_{kind}.weight", (d,)) for kind in "qk"]
        yield from [item for norm in ("norm3", "norm4") for item in affine(f"{block}.{norm}", d)]
        yield from linear(f"{block}.ffn.0", 14336, d)
        yield from linear(f"{block}.ffn.2", d, 14336)


def linear(name, outer, inner):
    return [(f"{name}.weight", (outer, inner)), (f"{name}.bias", (outer,))]


def affine(name, width):
    return [(f"{name}.weight", (width,)), (f"{name}.bias", (width,))]


def test_the_preset_is_the_public_checkpoint():
    state = on_meta(XDUB).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == dict(published_layout())
    assert len(state) == 1245
    sizes = {"embedding": 0, "attention": 0, "base": 0}
    for key, tensor in state.items():
        new = "attention" if "audio_attn" in key or "norm4" in key else "base"
        sizes["embedding" if key.startswith("audio_embedding") else new] += tensor.numel()
    in_billions = {part: round(size / 1e9, 3) for part, size in sizes.items()}
    assert in_billions == {"base": 5.000, "embedding": 0.160, "attention": 1.133}


def test_presets_are_as_large_as_they_say():
    counts = {name: count_parameters(config) for name, config in PRESETS.items()}
    assert counts == {
        "mini": 1_415_064, "1b": 1_016_428_224, "wan-1.3b": 1_710_911_936, "wan2.2-5b-xdub": 6_292_551_360,
    }  # fmt: skip
    small = on_meta(PRESETS["wan-1.3b"]).state_dict()
    published = [tensor.numel() for key, tensor in small.items() if not any(part in key for part in NEW)]
    assert (len(published), sum(published)) == (825, 1_418_996_800)


def weights_of(config, seed=0):
    torch.manual_seed(seed)
    return {key: torch.randn(tensor.shape) * 0.3 for key, tensor in on_meta(config).state_dict().items()}


def shards_of(folder, weights, count=2):
    """As the libraries that write large models do."""
    names = [f"w-{number}-of-{count}.safetensors" for number in range(count)]
    places = {key: names[place % count] for place, key in enumerate(weights)}
    for name in names:
        save_file({key: tensor for key, tensor in weights.items() if places[key] == name}, folder / name)
    (folder / "w.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder / names[1]


def test_a_shrunken_copy_loads_and_runs(tmp_path):
    weights = weights_of(SHRUNK)
    shards_of(tmp_path, weights)
    net = load(tmp_path, SHRUNK)
    expected = VideoDit(SHRUNK)
    expected.load_state_dict(weights)
    clips = torch.randn(2, 2, 3, 5, 4, 4)
    sequence = editor_input(*clips, torch.tensor([0.2, 0.9]), torch.randn(2, 5, 8, 6), torch.randn(2, 4, 8))
    with torch.inference_mode():
        found = net(sequence)
        assert found.isfinite().all()
        assert found.abs().mean() > 0.01
        assert torch.equal(found, expected(sequence))
    half = load(str(tmp_path), SHRUNK, dtype=torch.bfloat16)
    assert {tensor.dtype for tensor in half.state_dict().values()} == {torch.bfloat16}
    assert all(parameter.requires_grad for parameter in half.parameters())


def test_a_file_says_what_it_is(tmp_path):
    path = tmp_path / "some.safetensors"
    for name, config in {"mini": PRESETS["mini"], "mini (stacked=2)": stacked(PRESETS["mini"])}.items():
        save_file(weights_of(config), path)
        contents = inspect(path)
        assert (contents.fit.name, contents.fit.whole) == (name, True)
        assert (contents.tensors, contents.parameters) == (138, count_parameters(config))
        assert load(path).config == config


def test_a_wan_that_cannot_hear_yet_is_where_training_starts(tmp_path):
    weights = weights_of(SHRUNK)
    path = tmp_path / "wan.safetensors"
    save_file({key: tensor for key, tensor in weights.items() if not any(part in key for part in NEW)}, path)
    with pytest.raises(ModelError, match=r"56 missing \(audio_embedding.proj_in.weight, "):
        load(path, SHRUNK)
    net = load(path, SHRUNK, fresh=NEW)
    assert torch.equal(net.blocks[1].ffn[0].weight, weights["blocks.1.ffn.0.weight"])
    assert not any(tensor.is_meta for tensor in net.state_dict().values())
    places = VideoDit(SHRUNK).audio_embedding.layers[0].pos_embed.pe
    assert torch.equal(net.audio_embedding.layers[0].pos_embed.pe, places)
    noised, sound, text = torch.randn(1, 3, 2, 4, 4), torch.randn(1, 2, 8, 6), torch.randn(1, 4, 8)
    sequence = editor_input(noised, noised, torch.tensor([0.5]), sound, text)
    with torch.inference_mode():
        assert torch.equal(net(sequence), net(replace(sequence, audio_BFNA=None)))


def test_what_does_not_fit_is_named(tmp_path):
    path, weights = tmp_path / "mini.safetensors", weights_of(PRESETS["mini"])
    save_file(weights, path)
    with pytest.raises(ModelError, match=r"is mini, not the given config: .*; load it as what it is"):
        load(path, SHRUNK)
    save_file(dict(weights, extra=torch.zeros(1)), path)
    with pytest.raises(ModelError, match=r"does not fit mini: 1 unexpected \(extra\); copy"):
        load(path)
    wrong = dict(weights, extra=torch.zeros(1), **{"head.modulation": torch.zeros(1, 2, 7)})
    del wrong["blocks.3.ffn.0.bias"]
    save_file(wrong, path)
    says = (
        r"does not fit mini: 1 missing \(blocks.3.ffn.0.bias\); 1 unexpected \(extra\); "
        r"1 of another shape \(head.modulation \[1, 2, 7\] for \[1, 2, 128\]\)"
    )
    with pytest.raises(ModelError, match=says):
        load(path)
    save_file({"encoder.weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="no video DiT"):
        load(path)


def test_what_is_damaged_is_named(tmp_path):
    last = shards_of(tmp_path, weights_of(SHRUNK))
    whole = last.read_bytes()
    for cut in (len(whole) // 2, 100, 3):
        last.write_bytes(whole[:cut])
        with pytest.raises(ModelError, match=f"{last.name} cannot be read .* truncated"):
            load(tmp_path, SHRUNK)
    last.unlink()
    with pytest.raises(ModelError, match=f"lacks {last.name}, which w.safetensors.index.json names"):
        inspect(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"holds no .safetensors"):
        load(tmp_path / "empty")
    assert set(load_file(tmp_path / "w-0-of-2.safetensors")) < set(weights_of(SHRUNK))
