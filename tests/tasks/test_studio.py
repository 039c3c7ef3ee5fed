"""Takes written by another renderer: what is read, and that each way to get it wrong is told."""

import json
import shutil
import wave

import numpy as np
import pytest

from storage.media.images import encode_jpeg, encode_png
from storage.store import Store
from tasks.studio import StudioError, read_take

FRAMES, FPS, SIDE = 10, 25, 32
HEAD = "jawOpen,mouthFunnel,browInnerUp,headYaw"


def write_half(folder, name, jaw):
    (folder / name).mkdir(parents=True)
    for i in range(FRAMES):
        grey = np.full((SIDE, SIDE, 3), 20 * i, np.uint8)
        (folder / name / f"{i + 1:04d}.png").write_bytes(encode_png(grey))
    lines = [f"{jaw * i / FRAMES},0.2,{0.01 * i},{0.5 - 0.1 * i}" for i in range(FRAMES)]
    (folder / f"{name}.csv").write_text("\n".join([HEAD, *lines]))
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(48000 * FRAMES // FPS) / 9) * 9000).astype("<i2").tobytes())
    return {"frames": f"{name}/%04d.png", "sound": f"{name}.wav", "coefficients": f"{name}.csv"}


@pytest.fixture
def take(tmp_path):
    folder = tmp_path / "anna_012"
    told = {
        "redub_take": 1, "renderer": "Unreal Engine 5.6", "speaker": "anna", "fps": FPS,
        "main": write_half(folder, "main", 1.0), "dub": write_half(folder, "dub", 0.3),
    }  # fmt: skip
    (folder / "take.json").write_text(json.dumps(told))
    return folder


def read(folder):
    return read_take(Store(), str(folder / "take.json"))


def test_both_halves_come_with_frames_sound_and_coefficients(take):
    found = read(take)
    assert (found.name, found.count, found.size) == ("anna_012", FRAMES, (SIDE, SIDE))
    assert [int(rgb[0, 0, 0]) for rgb in found.main.frames()] == [20 * i for i in range(FRAMES)]
    assert len(found.main.sound) == pytest.approx(16000 * FRAMES / FPS, abs=20)
    truth = found.dub.truth()
    assert truth.names == tuple(HEAD.split(","))
    assert truth.coefficients_FC[5] == pytest.approx([0.15, 0.2, 0.05, 0.0])


def read_whole(folder):
    found = read(folder)
    return found.size, list(found.main.frames())


def told(take, **changes):
    path = take / "take.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


WRONG = {
    "no_take": lambda t: (t / "take.json").write_text("{"),
    "no_take unknown word": lambda t: told(t, sped="x"),
    "outside": lambda t: told(t, main={"frames": "../%d.png", "sound": "a", "coefficients": "b"}),
    "outside absolute": lambda t: told(t, main={"frames": "/etc/%d", "sound": "a", "coefficients": "b"}),
    "no_take pattern": lambda t: told(t, main={"frames": "a.png", "sound": "a", "coefficients": "b"}),
    "no_frames": lambda t: shutil.rmtree(t / "main"),
    "counts_differ": lambda t: (t / "main/0007.png").unlink(),
    "no_sound": lambda t: (t / "dub.wav").unlink(),
    "no_sound text": lambda t: (t / "dub.wav").write_text("file:///etc/passwd"),
    "lengths_differ": lambda t: told(t, fps=12.5),
    "no_coefficients": lambda t: (t / "main.csv").unlink(),
    "bad_coefficients": lambda t: edit(t / "main.csv", "0.2", "nan"),
    "bad_coefficients text": lambda t: edit(t / "main.csv", "0.2", "x"),
    "not_aligned": lambda t: edit(t / "dub.csv", "0.04", "0.06"),
    "bad_frame": lambda t: (t / "main/0001.png").write_bytes(b"GIF89a"),
    "bad_frame bomb": lambda t: (t / "main/0001.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\1\0\0" * 2
    ),
    "odd_size": lambda t: (t / "main/0001.png").write_bytes(encode_png(np.zeros((31, 32, 3), np.uint8))),
    "sizes_differ": lambda t: (t / "main/0004.png").write_bytes(encode_jpeg(np.zeros((64, 64, 3), np.uint8))),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_by_name(take, case):
    WRONG[case](take)
    with pytest.raises(StudioError) as told_:
        read_whole(take)
    assert told_.value.code == case.split()[0]
    assert len(str(told_.value)) > 20
