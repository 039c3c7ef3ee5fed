"""What `redub dub` refuses, and that it does so before weights are loaded."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from storage.media.encode import encode_video
from tests.flows.dubbing.files import RATE, dub, never, picture, speech
from tests.media_files import grey_video, sound_file

pytestmark = pytest.mark.usefixtures("one_thread")


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
