"""The wav2vec2 adapter: the library's own last state, as many as Whisper's, from a file as the hub has it."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Model

from models.audio.wav2vec import Wav2Vec, WhisperAndWav2Vec
from models.audio.whisper import LAST, Whisper
from models.audio.windows import RATE
from models.weights.references import ModelError

TINY = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "vocab_size": 5,
}  # fmt: skip


def save_wav2vec(folder, rate=RATE, **changes):
    """As facebook/wav2vec2-base-960h is on the hub: with the head of a recogniser, the old names of normed weights,
    and without the vector for masking that its config asks for."""
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**TINY | changes))
    assert "wav2vec2.masked_spec_embed" in model.state_dict()
    model.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["wav2vec2.masked_spec_embed"]
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, name in old.items():
        weights = {key.replace(new, name): value for key, value in weights.items()}
    assert sum("pos_conv_embed.conv.weight_" in key for key in weights) == 2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    Wav2Vec2FeatureExtractor(sampling_rate=rate).save_pretrained(folder)
    return model.eval().wav2vec2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wav2vec")
    return str(folder), save_wav2vec(folder)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(3).normal(0.05, 0.1, 2 * RATE).astype(np.float32)


def test_it_is_the_library_s_last_state_of_sound_that_is_brought_to_one_loudness(saved, sound):
    path, model = saved
    heard_PD = Wav2Vec(path).features(sound)
    even = torch.from_numpy((sound - sound.mean()) / sound.std())[None]
    with torch.inference_mode():
        expected_PD = model(even).last_hidden_state[0].numpy()
    assert (heard_PD.dtype, heard_PD.shape, expected_PD.shape) == (np.float32, (100, 12), (99, 12))
    assert heard_PD[:99] == pytest.approx(expected_PD, abs=1e-4)
    assert np.array_equal(heard_PD[99], heard_PD[98])
    assert expected_PD.std(0).min() > 0.01


def test_there_are_as_many_as_of_whisper_and_both_stand_side_by_side(saved, sound):
    ears = WhisperAndWav2Vec("mini:whisper", saved[0])
    for samples in (400, 2000, RATE, RATE + 200, 2 * RATE):
        heard_PA = ears.features(sound[:samples])
        assert heard_PA.shape == (round(samples / 320), 96 + 12)
    assert np.array_equal(heard_PA[:, :96], Whisper("mini:whisper", (LAST,)).features(sound)[:, 0])
    assert np.array_equal(heard_PA[:, 96:], Wav2Vec(saved[0]).features(sound))


def test_what_cannot_be_heard_is_refused(saved):
    wav2vec = Wav2Vec(saved[0])
    assert np.isfinite(wav2vec.features(np.zeros(RATE, np.float32))).all()
    with pytest.raises(ValueError, match="399 samples of sound are less than the 400"):
        wav2vec.features(np.zeros(399, np.float32))
    with pytest.raises(ValueError, match="1 of 400 samples of the sound are not finite"):
        wav2vec.features(np.full(400, [0] * 399 + [np.nan], np.float32))


def test_other_models_and_parts_of_one_are_refused(tmp_path):
    save_wav2vec(tmp_path, rate=8000)
    with pytest.raises(ModelError, match=r"320 samples at 8000 Hz"):
        Wav2Vec(str(tmp_path))
    save_wav2vec(tmp_path, conv_stride=(5, 2, 2, 2, 2, 2, 1))
    with pytest.raises(ModelError, match=r"160 samples at 16000 Hz"):
        Wav2Vec(str(tmp_path))
    weights = load_file(tmp_path / "model.safetensors")
    kept = {key: value for key, value in weights.items() if "layers.1.attention.q_proj" not in key}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"2 of its tensors.*encoder\.layers\.1\.attention\.q_proj\.bias"):
        Wav2Vec(str(tmp_path))
    with pytest.raises(ModelError, match=r"whisper holds no .*Wav2Vec2Model"):
        Wav2Vec("mini:whisper")


def test_the_full_size_is_the_public_one():
    """94.4 million, 768 numbers a feature, 400 samples for the first; built without memory."""
    with torch.device("meta"):
        model = Wav2Vec2Model(Wav2Vec2Config(mask_time_prob=0.0))
    assert sum(one.numel() for one in model.parameters()) == 94_370_944
    assert model(torch.empty(1, 400, device="meta")).last_hidden_state.shape == (1, 1, 768)
    assert model(torch.empty(1, RATE, device="meta")).last_hidden_state.shape == (1, 49, 768)
