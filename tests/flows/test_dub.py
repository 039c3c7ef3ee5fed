"""`redub dub`, as a person meets it: a little video and a little sound, and weights as the public ones are laid out."""

import io
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.dit.expertfile import save
from models.dit.experts import attach, parameters_to_train
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, on_meta
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from tests.media_files import grey_video, sound_file
from tests.models.dubbing.small_xdub import SMALL, SmallXdub, save_xdub

pytestmark = pytest.mark.usefixtures("one_thread")
RATE = 16000


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_xdub(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def here(tmp_path, run_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    monkeypatch.setitem(PRESETS, "small", SMALL)
    tmp_path.joinpath("clip.mp4").write_bytes(encode_video(None, picture(12), 25, np.zeros(RATE, np.float32)))
    sound_file("speech.wav", speech(RATE // 2)[None], RATE, "mono")
    return run_command


def picture(frames, size=(32, 48)):
    """A patch that moves over a gradient."""
    y, x = np.mgrid[: size[0], : size[1]]
    still = np.stack([4 * x, 5 * y, 120 + 0 * x], -1).astype(np.uint8)
    made = np.repeat(still[None], frames, 0)
    for number, one in enumerate(made):
        one[10:20, number : number + 10] = 230
    return made


def speech(samples):
    """A voice that rises and swells; what AAC keeps."""
    t = np.arange(samples) / RATE
    return (0.3 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) * (0.6 + 0.4 * np.sin(12 * t))).astype(
        np.float32
    )


def options(weights: SmallXdub, **changes):
    given = asdict(weights) | changes
    return [word for name, path in given.items() for word in (f"--{name}", path)]


def played(path):
    with open_media(io.BytesIO(path.read_bytes())) as media:
        frames = decode_video(media)
        video = np.stack(list(frames))
        assert not frames.damage
        assert media.video.average_rate == 25
        assert media.video.codec_context.name == "h264"
        return video, decode_audio(media, rate=RATE).samples


def dub(here, weights, *arguments, check=True, **changes):
    given = ("clip.mp4", "speech.wav", "out.mp4")
    said = here(
        "dub", *given, "--steps", 2, "--device", "cpu", *arguments, *options(weights, **changes), check=check
    )
    return " ".join(said.split())


def test_a_clip_says_what_the_sound_says(here, weights, tmp_path):
    said = dub(here, weights, "--beside")
    assert "out.mp4: 12 frames, 0.48 s of 48x32 at 25 fps, as long as clip.mp4." in said
    made, sound = played(tmp_path / "out.mp4")
    assert made.shape == (12, 32, 48, 3)
    wanted = speech(RATE // 2)[: 12 * 640]
    assert np.corrcoef(sound[: len(wanted)], wanted)[0, 1] > 0.98
    assert abs(len(sound) - len(wanted)) < 2100, "AAC ends with a whole block"
    both, heard = played(tmp_path / "out-beside.mp4")
    assert both.shape == (12, 32, 96, 3)
    assert np.abs(both[:, :, :48].astype(int) - picture(12)).mean() < 4
    assert (
        np.abs(both[:, :, 48:].astype(int) - made).mean() < 8 < np.abs(made - picture(12).astype(int)).mean()
    )
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
    shown = played(tmp_path / "out-beside.mp4")[0][:, None, :, :48].astype(int)
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


def never(*_):
    raise AssertionError("weights were loaded")


def cut(name, share):
    def make(folder, _):
        path = folder / name
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return make


def cut_mkv(folder, _):
    path = grey_video(folder / "cut.mkv", range(0, 3000, 40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    path.rename(folder / "clip.mp4")


def written(name, text):
    return lambda folder, _: (folder / name).write_text(text)


def heard(samples):
    return lambda folder, _: sound_file(folder / "speech.wav", samples[None], RATE, "mono")


def sized(width, height):
    def make(folder, _):
        (folder / "clip.mp4").write_bytes(encode_video(None, picture(9, (height, width)), 25))

    return make


def mute(folder, _):
    (folder / "speech.wav").write_bytes(encode_video(None, picture(9), 25))


def lacking(folder, weights):
    kept = {key: value for key, value in load_file(weights.model).items() if "blocks.1.norm4" not in key}
    save_file(kept | {"extra": torch.zeros(1)}, folder / "wrong.safetensors")


def truncated(folder, weights):
    (folder / "wrong.safetensors").write_bytes(weights.model.read_bytes()[:-1000])


NAN = np.where(np.arange(RATE) % 4000, speech(RATE), np.nan)
NOTHING = {}
WRONG = {"model": "wrong.safetensors"}


@pytest.mark.parametrize(
    ("make", "changes", "arguments", "said"),
    [
        (cut("clip.mp4", 0.7), NOTHING, (), "clip.mp4 cannot be used: the container's index is missing.*; give a clip"),
        (cut_mkv, NOTHING, (), r"clip.mp4 is damaged: .*; copy it again"),
        (written("clip.mp4", "words\n" * 99), NOTHING, (), "clip.mp4 cannot be used: the content is text.*; give a clip"),
        (written("clip.mp4", "#EXTM3U\nfile:///etc/passwd\n"), NOTHING, (), "clip.mp4 cannot .* list of other files.*give"),
        (lambda folder, _: (folder / "clip.mp4").unlink(), NOTHING, (), "there is no file clip.mp4; give a clip"),
        (sized(40, 32), NOTHING, (), r"clip.mp4 .* divide by 16 .*, not 32x40; crop or scale the video to 32x32"),
        (heard(NAN), NOTHING, (), "speech.wav holds 4 samples that are NaN or infinite; export"),
        (heard(np.repeat([0, 0.3], RATE)), NOTHING, (), r"speech.wav: the sound is silent throughout the 0.48 s"),
        (heard(np.zeros(RATE)), NOTHING, (), "speech.wav: .* silent throughout the 0.48 s that .*; give the track"),
        (heard(speech(700)), NOTHING, (), "speech.wav: the sound lasts 0.044 s, .*; give longer sound"),
        (mute, NOTHING, (), "speech.wav cannot be used: the file has no sound stream; give the new speech"),
        (lacking, WRONG, (), r"no editor .* small: 2 missing \(blocks.1.norm4.weight, .*1 unexpected \(extra\)"),
        (truncated, WRONG, (), "wrong.safetensors cannot be read .* truncated"),
        (written("x", ""), {"vae": "mini:vae"}, (), "6 channels, and the VAE makes 24; give the VAE"),
        (written("x", ""), {"vae": "speech.wav"}, (), "speech.wav is no VAE .*; give such a folder"),
        (written("x", ""), {"whisper": "mini:whisper"}, (), "hears 20 numbers a feature, .* make 96 and 12; give"),
        (written("x", ""), {"model": "xdub", "text": "umt5"}, (), "models pull xdub`.*models pull umt5`"),
        (written("x", ""), NOTHING, ("--prompt", "a face speaks a face"), "'a face.* 6 tokens, and the net reads 4: sh"),
        (written("x", ""), NOTHING, ("--device", "tpu"), "torch finds no 'tpu' here; give --device cpu"),
    ],
)  # fmt: skip
def test_what_cannot_be_dubbed_is_refused_before_weights_are_loaded(
    here, weights, tmp_path, monkeypatch, make, changes, arguments, said
):
    monkeypatch.setattr("flows.dubbing.dubbing.loaded", never)
    monkeypatch.setattr("models.dubbing.prompt.load", never)
    make(tmp_path, weights)
    found = dub(here, weights, *arguments, check=False, **changes)
    assert re.search(said, found), found
    assert "Traceback" not in found
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize(("out", "said"), [
    ("no/out.mp4", "no/out.mp4 cannot be written: there is no folder no; make it first"),
    ("out.avi", "out.avi does not end in .mp4, .*; call it out.mp4"),
    ("./clip.mp4", "clip.mp4 is what is to be dubbed, and would be lost"),
])  # fmt: skip
def test_where_nothing_can_be_written_nothing_is_begun(here, tmp_path, monkeypatch, out, said):
    before = (tmp_path / "clip.mp4").read_bytes()
    monkeypatch.setattr("flows.dubbing.clip_files.decode_audio", never)
    found = " ".join(here("dub", "clip.mp4", "speech.wav", out, check=False).split())
    assert re.search(said, found), found
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "speech.wav"}


def test_memory_is_not_taken_without_end(here, monkeypatch):
    monkeypatch.setattr("flows.dubbing.clip_files.MOST_BYTES", 5 * 48 * 32 * 3)
    found = " ".join(here("dub", "clip.mp4", "speech.wav", "out.mp4", check=False).split())
    assert (
        "clip.mp4 is too long: 0.20 s are as much as memory is taken for at 48x32; cut video and sound"
        in found
    )


def test_what_fails_while_it_is_written_leaves_nothing(here, weights, tmp_path, monkeypatch):
    (tmp_path / "out.mp4").write_bytes(b"an older one")

    def full(file, *_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flows.dubbing.clip_files.encode_video", full)
    assert "out.mp4 cannot be written: [Errno 28] No space left" in dub(here, weights, check=False)
    assert (tmp_path / "out.mp4").read_bytes() == b"an older one"
    assert not list(tmp_path.glob(".out*"))
