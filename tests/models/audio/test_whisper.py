"""The Whisper adapter: the library's own states, for sound of any length, and nothing that is half loaded."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from models.audio.packed import pack, unpack
from models.audio.whisper import LAST, NORMED, RATE, Whisper, features_of_frames, hidden_states
from models.weights.references import ModelError, resolve


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(3).normal(0, 0.1, 31 * RATE).astype(np.float32)


@pytest.fixture(scope="module")
def library(sound):
    """What transformers itself says about the first 30 seconds."""
    model = WhisperModel.from_pretrained(resolve("mini:whisper")).get_encoder().eval()
    extractor = WhisperFeatureExtractor.from_pretrained(resolve("mini:whisper"))
    mel = extractor(sound[: 30 * RATE], sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        return model(mel, output_hidden_states=True)


def test_layers_are_the_library_s_with_and_without_the_final_norm(sound, library):
    heard_PLD = Whisper("mini:whisper", (1, 3, NORMED)).features(sound[: 30 * RATE])
    assert heard_PLD.shape == (1500, 3, 96)
    assert heard_PLD[:, 0] == pytest.approx(library.hidden_states[1][0].numpy(), abs=1e-4)
    assert heard_PLD[:, 2] == pytest.approx(library.last_hidden_state[0].numpy(), abs=1e-4)
    last_PD = torch.from_numpy(heard_PLD[:, 1])
    normed_PD = Whisper("mini:whisper").encoder.layer_norm(last_PD).numpy()
    assert heard_PLD[:, 2] == pytest.approx(normed_PD, abs=1e-4)
    assert np.abs(heard_PLD[:, 2] - heard_PLD[:, 1]).mean() > 0.01


def test_layers_beyond_the_deepest_asked_for_are_not_run():
    whisper, ran = Whisper("mini:whisper", (1,)), []
    for number, layer in enumerate(whisper.encoder.layers, 1):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    whisper.features(np.zeros(RATE, np.float32))
    assert ran == [1]


def test_sound_of_any_length_has_fifty_features_a_second(sound):
    whisper = Whisper("mini:whisper", (1,))
    for samples in (RATE // 10, 2 * RATE, 2 * RATE + 200, 31 * RATE):
        assert len(whisper.features(sound[:samples])) == round(samples / RATE * 50)
    second_PLD = whisper.features(sound[30 * RATE :])
    assert whisper.features(sound)[1500:] == pytest.approx(second_PLD, abs=1e-4)


def test_a_short_lesson_enters_the_blocks_as_a_piece_of_the_long_one_does(sound):
    """Training leaves most of the 30 seconds out, and puts the rest at any position."""
    whisper, entered = Whisper("mini:whisper"), []
    whisper.encoder.layers[0].register_forward_hook(lambda _, given, __: entered.append(given[0][0]))
    mel = torch.from_numpy(whisper.mel(sound[: 30 * RATE]))
    hidden_states(whisper.encoder, mel, (1,))
    hidden_states(whisper.encoder, mel[..., 400:800], (1,), first=200)
    whole_PD, piece_PD = entered
    assert piece_PD[1:-1] == pytest.approx(whole_PD[201:399], abs=1e-5)


def test_frames_get_the_features_about_their_time():
    heard_PLD = np.arange(100, dtype=np.float32)[:, None, None]
    near_FN = features_of_frames(heard_PLD, 50, 25.0, 4)[:, :, 0, 0]
    assert near_FN.shape == (50, 4)
    assert near_FN[10].tolist() == [18, 19, 20, 21]
    assert near_FN[0].tolist() == [0, 0, 0, 1]
    assert near_FN[-1].tolist() == [96, 97, 98, 99]


def test_the_last_layer_has_a_name_for_any_depth(sound):
    deepest, named = (Whisper("mini:whisper", (layer,)).features(sound[:RATE]) for layer in (3, LAST))
    assert np.array_equal(deepest, named)


def test_silence_and_next_to_nothing_are_heard_too():
    whisper = Whisper("mini:whisper")
    for samples in (0, 1, RATE):
        heard_PLD = whisper.features(np.zeros(samples, np.float32))
        assert heard_PLD.shape == (samples // 320, 1, 96)
        assert np.isfinite(heard_PLD).all()
    with pytest.raises(ValueError, match="2 of 9 samples"):
        whisper.features(np.array([0, np.nan, np.inf, 0, 0, 0, 0, 0, 0], np.float32))


def test_what_is_heard_comes_back_from_half_its_bytes(sound):
    heard_PLD = Whisper("mini:whisper", (1, LAST)).features(sound[: 2 * RATE])
    data = pack(heard_PLD)
    assert len(data) == 16 + heard_PLD.nbytes // 2
    again_PLD = unpack(data)
    assert again_PLD.shape == (100, 2, 96)
    assert again_PLD == pytest.approx(heard_PLD, rel=2**-11, abs=1e-6)
    assert unpack(pack(np.empty((0, 1, 4), np.float32))).shape == (0, 1, 4)


def test_bytes_and_numbers_that_are_no_features_are_refused():
    data = pack(np.ones((5, 1, 4), np.float32))
    for damaged in (b"", b"RDM1" + data[4:], data[:-1], data + b"x"):
        with pytest.raises(ValueError, match=r"no features|damaged"):
            unpack(damaged)
    for wrong in (7e4, np.nan, -np.inf):
        with pytest.raises(ValueError, match="half precision"):
            pack(np.full((1, 1, 1), wrong, np.float32))


@pytest.mark.parametrize("layers", [(), (-2,), (4,), (1, -2)])
def test_layers_that_are_not_there_are_refused(layers):
    with pytest.raises(ModelError, match="layers 1 to 3"):
        Whisper("mini:whisper", layers)


def test_a_checkpoint_that_lacks_tensors_is_refused_by_their_names(tmp_path):
    """The library itself would leave them random and warn."""
    for file in resolve("mini:whisper").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights = {key: value for key, value in weights.items() if "encoder.layers.1.fc1" not in key}
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"2 of its tensors.*encoder\.layers\.1\.fc1\.bias"):
        Whisper(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=str(tmp_path)):
        Whisper(str(tmp_path))


def test_the_full_size_is_whisper_large_v2():
    """635 million in the encoder, 1,280 numbers a feature, as published; built without memory."""
    with torch.device("meta"):
        encoder = WhisperModel(
            WhisperConfig(
                d_model=1280,
                encoder_layers=32,
                encoder_attention_heads=20,
                encoder_ffn_dim=5120,
                decoder_layers=1,
                decoder_attention_heads=20,
            )
        ).get_encoder()
    block = 4 * 1280**2 + 3 * 1280 + 2 * 1280 * 5120 + 5120 + 1280 + 4 * 1280
    ends = 3 * 80 * 1280 + 1280 + 3 * 1280**2 + 1280 + 1500 * 1280 + 2 * 1280
    assert sum(one.numel() for one in encoder.parameters()) == 32 * block + ends == 636_784_640
    mel = torch.empty(1, 80, 3000, device="meta")
    assert hidden_states(encoder, mel, (32, NORMED)).shape == (1, 1500, 2, 1280)
