"""`redub dub`, as a person meets it: a little video and a little sound, and weights as the public ones are laid out."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.dit.expertfile import save
from models.dit.experts import attach, parameters_to_train
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, on_meta
from tests.flows.dubbing.files import RATE, dub, never, picture, played, speech
from tests.media_files import sound_file
from tests.models.dubbing.small_xdub import SMALL, SmallXdub

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_clip_says_what_the_sound_says(here, weights, tmp_path):
    said = dub(here, weights, "--beside")
    assert "out.mp4: 12 frames, 0.48 s of 48x32 at 25 fps, as long as clip.mp4." in said
    made, sound = played(tmp_path / "out.mp4")
    assert made.shape == (12, 32, 48, 3)
    wanted = speech(RATE // 2)[: 12 * 640]
    assert np.corrcoef(sound[: len(wanted)], wanted)[0, 1] > 0.98
    assert abs(len(sound) - len(wanted)) < 2100, "AAC ends with a whole block"
    both, heard = played(tmp_path / "out-beside.mp4")
    assert both.shape == (12, 6 * 32, 6 * 96, 3), "what is small is enlarged"
    both = both[:, 3::6, 3::6]
    assert np.abs(both[:, :, :48].astype(int) - picture(12)).mean() < 4
    grey, other = (np.abs(one.mean(-1) - made.mean(-1)).mean() for one in (both[:, :, 48:], picture(12)))
    assert grey < other / 2, f"a small video is coded more coarsely: {grey}, {other}"
    assert np.array_equal(heard, sound)


def test_the_same_seed_makes_the_same_file_and_the_encoder_of_text_is_read_once(
    here, weights, tmp_path, monkeypatch
):
    dub(here, weights)
    first = (tmp_path / "out.mp4").read_bytes()
    monkeypatch.setattr("models.dubbing.prompt._encoded", never)
    dub(here, weights)
    assert (tmp_path / "out.mp4").read_bytes() == first
    dub(here, weights, "--seed", 1)
    assert (tmp_path / "out.mp4").read_bytes() != first
    (kept,) = (tmp_path / "cache" / "prompts").iterdir()
    dub(here, weights, text=kept)
    assert (tmp_path / "out.mp4").read_bytes() == first


def test_the_shorter_of_both_is_as_long_as_the_dubbing(here, weights, tmp_path):
    sound_file("speech.wav", speech(RATE // 4 + 100)[None], RATE, "mono")
    assert "6 frames, 0.24 s of 48x32 at 25 fps, as long as speech.wav." in dub(here, weights)
    assert len(played(tmp_path / "out.mp4")[0]) == 6


def test_a_short_video_goes_back_and_forth_for_the_whole_sound(here, weights, tmp_path):
    """Also where the voice begins after the video's end."""
    late = np.concatenate([np.zeros(RATE // 2, np.float32), speech(RATE // 2)])
    sound_file("speech.wav", late[None], RATE, "mono")
    said = dub(here, weights, "--whole-sound", "--beside")
    assert "25 frames, 1.00 s of 48x32 at 25 fps, as long as speech.wav." in said
    made, sound = played(tmp_path / "out.mp4")
    assert made.shape == (25, 32, 48, 3)
    assert np.corrcoef(sound[:RATE], late)[0, 1] > 0.98
    shown = played(tmp_path / "out-beside.mp4")[0][:, None, 3::6, 3::6][:, :, :, :48].astype(int)
    nearest = np.abs(shown - picture(12)).mean((2, 3, 4)).argmin(1)
    assert nearest.tolist() == [*range(12), *range(10, -1, -1), 1, 2]


def test_the_mini_models_that_are_shipped_dub_by_themselves(here, tmp_path):
    """They read no text and hear Whisper alone; a net that has not learnt yet answers 0, and leaves the noise."""
    torch.manual_seed(0)
    save_file(VideoDit(PRESETS["mini"]).state_dict(), tmp_path / "mini.safetensors")
    minis = SmallXdub("mini.safetensors", "mini:vae", "mini:whisper", "none", "none")
    assert "12 frames, 0.48 s of 48x32" in dub(here, minis)
    assert played(tmp_path / "out.mp4")[0].std() > 1
    said = dub(here, minis, check=False, wav2vec="mini:whisper")
    assert (
        "mini.safetensors hears 96 numbers a feature, and mini:whisper and mini:whisper make 96 and" in said
    )


def test_a_net_that_reads_no_text_needs_no_encoder_of_it(here, weights, tmp_path, monkeypatch):
    mute = replace(SMALL, text=0)
    monkeypatch.setitem(PRESETS, "mute", mute)
    kept = {key: value for key, value in load_file(weights.model).items() if "text" not in key}
    kept = {key: value for key, value in kept.items() if "cross_attn" not in key and "norm3" not in key}
    save_file(kept, tmp_path / "mute.safetensors")
    assert "12 frames" in dub(here, weights, model="mute.safetensors", text="nowhere")


def test_what_makes_it_quicker_says_what_it_costs(here, weights, tmp_path, monkeypatch):
    said = dub(here, weights, "--steps", 9, "--reuse", "0.9")
    left_out = re.search(r"(\d) of 9 steps were left out, which led at most \d+\.\d% of the way astray", said)
    assert left_out, said
    assert 1 <= int(left_out[1]) <= 3
    wide = replace(SMALL, dim=32)  # float8 wants multiples of 16
    monkeypatch.setitem(PRESETS, "wide", wide)
    torch.manual_seed(0)
    random = {key: torch.randn(one.shape) * 0.3 for key, one in on_meta(wide).state_dict().items()}
    save_file(random, tmp_path / "wide.safetensors")
    dub(here, weights, model="wide.safetensors")
    plain = played(tmp_path / "out.mp4")[0].astype(int)
    said = dub(here, weights, "--float8", model="wide.safetensors")
    assert re.search(r"In float8 a velocity of the first clip changed by [1-4]\.\d%", said), said
    assert 0 < np.abs(played(tmp_path / "out.mp4")[0] - plain).mean() < plain.std() / 2


def test_an_expert_changes_what_is_seen_and_one_of_another_net_is_refused_early(
    here, weights, tmp_path, monkeypatch
):
    torch.manual_seed(0)
    for name, config in (("lip", SMALL), ("other", replace(SMALL, heads=4))):
        net = VideoDit(config)
        attach(net, "lip", rank=2)
        for parameter in parameters_to_train(net, "lip"):
            torch.nn.init.normal_(parameter)
        save(net, "lip", tmp_path / f"{name}.safetensors")
    made = []
    for expert in ((), ("--expert", "lip.safetensors")):
        dub(here, weights, "--steps", 8, *expert)
        made.append((tmp_path / "out.mp4").read_bytes())
    assert made[0] != made[1]
    monkeypatch.setattr("flows.dubbing.dubbing.loaded", never)
    said = dub(here, weights, "--expert", "other.safetensors", check=False)
    assert "other.safetensors is an expert for another net: heads 4, not 2" in said
    assert "lose the experts" in dub(here, weights, "--expert", "lip.safetensors", "--float8", check=False)
