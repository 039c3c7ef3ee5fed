"""Networks, a video and a sound that the tests of dubbing share."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan

from models.audio.wav2vec import WhisperAndWav2Vec
from models.audio.windows import RATE
from models.dit.checkpoint import load
from models.dubbing.request import Networks
from models.weights.pretrained import load as load_pretrained
from tests.models.dubbing.small_xdub import SMALL, save_xdub


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """All of it random, saved as the public files are, and loaded as they would be."""
    files = save_xdub(tmp_path_factory.mktemp("parts"))
    ears = WhisperAndWav2Vec(str(files.whisper), str(files.wav2vec))
    vae = load_pretrained(AutoencoderKLWan, files.vae)
    return Networks(load(files.model, SMALL), vae, ears.features, torch.randn(1, SMALL.text))


@pytest.fixture(scope="module")
def video():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)
