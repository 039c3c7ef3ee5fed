"""Weights as the public ones are laid out, only small, and a folder with a clip and its new speech."""

import numpy as np
import pytest

from models.dit.presets import PRESETS
from storage.media.encode import encode_video
from tests.flows.dubbing.files import RATE, picture, speech
from tests.media_files import sound_file
from tests.models.dubbing.small_xdub import SMALL, save_xdub


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
