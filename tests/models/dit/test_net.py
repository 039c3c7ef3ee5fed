"""The video DiT against a plain one (tests/models/dit/plain_net.py), and against diffusers' Wan."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.inputs import DitInput, Motion, editor_input, generator_input
from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from models.dit.rope import rotations
from tests.models.dit.plain_net import Plain

AUDIO = AudioConfig(features=5, window=4)
TINY = DitConfig(
    dim=16, layers=2, heads=2, ffn=20, channels=3, audio=AUDIO, text=7, text_tokens=6, frequencies=8
)
DEEP = replace(AUDIO, layers=2, width=8, heads=2)


def net_of(config, seed=0):
    """Every number random: a new net's zeros would hide what they multiply."""
    torch.manual_seed(seed)
    net = VideoDit(config).double().requires_grad_(False)
    for tensor in net.state_dict().values():
        tensor.normal_(std=0.4)
    if config.preconditioned:  # deviations are above 0
        net.channel_scale.abs_()
    return net


def inputs(batch=2, frames=3, height=4, width=6, seed=1):
    torch.manual_seed(seed)
    clips = [torch.randn(batch, 3, frames, height, width, dtype=torch.float64) for _ in range(2)]
    times, sound = (
        torch.rand(batch, dtype=torch.float64),
        torch.randn(batch, frames, 4, 5, dtype=torch.float64),
    )
    return *clips, times, sound, torch.randn(batch, 4, 7, dtype=torch.float64)


def some_motion(clip_BCFHW, *kept):
    return Motion(clip_BCFHW[:, :, :1] * 2, torch.tensor(kept))


def editing(config, kept=(True, False)):
    noised, companion, times, sound, text = inputs()
    motion = some_motion(noised, *kept)
    return editor_input(noised, companion, times, sound, text if config.text else None, motion)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, spatial=True, coarse_clock=True),
        replace(TINY, text=0, audio=DEEP, dim=28),
        replace(TINY, text=0, audio=DEEP, preconditioned=True, reference_shift=5),
    ],
    ids=["plain", "spatial", "deep-audio", "preconditioned"],
)
def test_it_computes_what_its_equations_say(config):
    net, sequence = net_of(config), editing(config)
    found = net(sequence)
    for clip in range(2):  # of the first, motion is kept; of the second, dropped
        assert found[clip].numpy() == pytest.approx(Plain(net, sequence, clip).forward(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", ["generator", "channel-concat"])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_the_other_sequences_too(kind, preconditioned):
    net = net_of(replace(TINY, stacked=2, preconditioned=preconditioned))
    noised, other, times, sound, text = inputs()
    sequence = (
        generator_input(noised, other, other[:, :, 1] * 3, times, sound, text)
        if kind == "generator"
        else editor_input(noised, other, times, sound, text, some_motion(noised, False, True), over=True)
    )
    assert net(sequence)[1].numpy() == pytest.approx(Plain(net, sequence, 1).forward(), rel=1e-9, abs=1e-9)


def test_a_head_of_128_turns_44_42_42_and_references_lie_beside_the_picture():
    table = rotations(128, 2, 3, 4, 5, 0, torch.float64, torch.device("cpu"))
    token = 1 * 20 + 2 * 5 + 3  # reference frame 1, row 2, column 3
    angles = [1 * 10000 ** (-2 * k / 44) for k in range(22)]
    angles += [place * 10000 ** (-2 * k / 42) for place in (2 + 4, 3 + 5) for k in range(21)]
    assert table.shape == (5 * 20, 64, 2)
    wanted = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert table[token].numpy() == pytest.approx(wanted, abs=1e-14)
    assert torch.equal(
        table[40 + token, :22], table[token, :22]
    )  # the same frame of the target, at the same time
    assert not torch.isclose(table[:40, None], table[None, 40:]).flatten(2).all(-1).any()


def test_sampling_first_does_not_keep_a_net_from_training():
    """Rotations are kept; those made under inference_mode could not be."""
    net = net_of(TINY).requires_grad_(True)
    noised, companion, times, sound, text = inputs(width=8)
    with torch.inference_mode():
        net(editor_input(noised, companion, times, sound, text))
    net(editor_input(noised, companion, times, sound, text)).square().sum().backward()
    lost = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    # Softmax forgets what a bias adds to all keys, but keys are normed after their bias.
    assert not lost


def test_a_batch_is_its_clips_and_one_seed_is_the_same_bytes():
    config = replace(PRESETS["mini"], layers=2)
    torch.manual_seed(3)
    net = VideoDit(config)
    torch.nn.init.normal_(net.head.head.weight)
    noised, companion = torch.randn(2, 3, 24, 2, 8, 8)
    times, sound = torch.rand(3), torch.randn(3, 2, 16, 96)
    with torch.inference_mode():
        whole = net(editor_input(noised, companion, times, sound))
        parts = [
            net(editor_input(*(part[clip : clip + 1] for part in (noised, companion, times, sound))))
            for clip in range(3)
        ]
        torch.manual_seed(3)
        again = VideoDit(config)
        torch.nn.init.normal_(again.head.head.weight)
        same = again(editor_input(noised, companion, times, sound))
    assert whole.abs().mean() > 0.1
    assert torch.allclose(whole, torch.cat(parts), rtol=1e-4, atol=1e-4)
    assert whole.numpy().tobytes() == same.numpy().tobytes()


def test_a_new_net_hears_nothing_yet_and_learns_to():
    torch.manual_seed(0)
    net = VideoDit(TINY).double()
    noised, companion, times, sound, text = inputs()
    sequence = editor_input(noised, companion, times, sound, text)
    assert not net(sequence).any()
    torch.nn.init.normal_(net.head.head.weight)
    assert torch.equal(net(sequence), net(replace(sequence, audio_BFNA=None)))
    net(sequence).square().sum().backward()
    assert net.blocks[0].audio_attn.o.weight.grad.any()


def test_without_sound_audio_attention_is_off():
    net, sequence = net_of(TINY), replace(editing(TINY), audio_BFNA=None)
    assert net(sequence)[0].numpy() == pytest.approx(Plain(net, sequence, 0).forward(), rel=1e-9, abs=1e-9)


def test_published_wan_weights_mean_what_they_mean_in_diffusers():
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    torch.manual_seed(0)
    theirs = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=14, in_channels=3, out_channels=3, text_dim=7, freq_dim=8,
        ffn_dim=20, num_layers=2,
    ).double()  # fmt: skip
    ours = VideoDit(replace(TINY, dim=28, text_tokens=4)).double()
    ours.load_state_dict({wan_name(key): value for key, value in theirs.state_dict().items()}, strict=False)
    noised, _, times, _, text = inputs(batch=1)
    sequence = DitInput(noised, (0, 0, 3), times[:, None].expand(1, 3), None, text)
    with torch.inference_mode():
        found, expected = ours(sequence), theirs(noised, times * 1000, text, return_dict=False)[0]
    assert found.abs().mean() > 0.1
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)  # their clock and their norms are in 32 bits


def wan_name(key):
    """From diffusers' names to those of Wan's own files."""
    changes = {
        "condition_embedder.text_embedder.linear_1": "text_embedding.0",
        "condition_embedder.text_embedder.linear_2": "text_embedding.2",
        "condition_embedder.time_embedder.linear_1": "time_embedding.0",
        "condition_embedder.time_embedder.linear_2": "time_embedding.2",
        "condition_embedder.time_proj": "time_projection.1",
        "attn1": "self_attn", "attn2": "cross_attn", "to_out.0": "o", "to_q": "q", "to_k": "k", "to_v": "v",
        "ffn.net.0.proj": "ffn.0", "ffn.net.2": "ffn.2", "norm2": "norm3", "proj_out": "head.head",
        "scale_shift_table": "modulation",
    }  # fmt: skip
    for theirs, ours in changes.items():
        key = key.replace(theirs, ours)
    return "head.modulation" if key == "modulation" else key


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sound": (2, 2, 4, 5)}, "lasts 2 of 3 latent frames"),
        ({"sound": (2, 3, 3, 5)}, "window"),
        ({"text": (2, 9, 7)}, "9 tokens is too long: 6 at most"),
        ({"text": (2, 4, 8)}, "text is"),
        ({"text": None}, "empty prompt"),
        ({"clip": (2, 3, 3, 5, 6)}, "5x6 are no whole patches"),
        ({"clip": (2, 4, 3, 4, 6)}, "4 channels.*takes 3 x 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, says):
    shapes = {"clip": (2, 3, 3, 4, 6), "sound": (2, 3, 4, 5), "text": (2, 4, 7)} | change
    clip, sound, text = (shapes[key] and torch.zeros(shapes[key]) for key in ("clip", "sound", "text"))
    with pytest.raises(ValueError, match=says):
        VideoDit(TINY)(editor_input(clip, clip, torch.ones(2), sound, text))


def test_a_head_of_an_odd_size_is_refused():
    with pytest.raises(ValueError, match="even"):
        replace(TINY, dim=14)
