"""Whisper out of CTranslate2's file: the encoder is whole, is the library's own, and damaged files are named."""

import struct

import numpy as np
import pytest

from models.audio.ctranslate2 import arrays
from models.audio.whisper import LAST, NORMED, Whisper
from models.audio.whisper_files import encoder_of_ctranslate2
from models.weights.references import ModelError
from tests.registry_files import WHISPER, needs_weights

MODEL = WHISPER / "model.bin"
RATE = 16000
KINDS = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}
needs_whisper = needs_weights(MODEL)


def text(value):
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def saved(path, held, kind="WhisperSpec", version=6):
    """Writes arrays as CTranslate2 does."""
    data = struct.pack("<I", version) + text(kind) + struct.pack("<II", 3, len(held))
    for name, values in held.items():
        data += text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        data += struct.pack("<BI", KINDS[values.dtype.name], values.nbytes) + values.tobytes()
    path.write_bytes(data + struct.pack("<I", 0))
    return path


def both(state, there, here):
    return {f"{there}/{part}": state[f"{here}.{part}"] for part in ("weight", "bias")}


def norm(state, there, here):
    return {f"{there}/gamma": state[f"{here}.weight"], f"{there}/beta": state[f"{here}.bias"]}


def written(encoder):
    """An encoder's arrays by CTranslate2's names, in half precision."""
    state = {name: values.numpy().astype(np.float16) for name, values in encoder.state_dict().items()}
    held = {"encoder/num_heads": np.array(encoder.config.encoder_attention_heads, np.int16)}
    held["encoder/position_encodings/encodings"] = state["embed_positions.weight"]
    held |= both(state, "encoder/conv1", "conv1") | both(state, "encoder/conv2", "conv2")
    held |= norm(state, "encoder/layer_norm", "layer_norm")
    for n in range(len(encoder.layers)):
        held |= written_layer(state, f"encoder/layer_{n}", f"layers.{n}")
    return held


def written_layer(state, there, here):
    held = norm(state, f"{there}/self_attention/layer_norm", f"{here}.self_attn_layer_norm")
    held |= norm(state, f"{there}/ffn/layer_norm", f"{here}.final_layer_norm")
    held |= both(state, f"{there}/ffn/linear_0", f"{here}.fc1")
    held |= both(state, f"{there}/ffn/linear_1", f"{here}.fc2")
    held |= both(state, f"{there}/self_attention/linear_1", f"{here}.self_attn.out_proj")
    state[f"{here}.self_attn.k_proj.bias"] = np.zeros_like(state[f"{here}.self_attn.q_proj.bias"])
    for part in ("weight", "bias"):
        three = [state[f"{here}.self_attn.{name}_proj.{part}"] for name in "qkv"]
        held[f"{there}/self_attention/linear_0/{part}"] = np.concatenate(three)
    return held


@pytest.fixture(scope="module")
def mini():
    return Whisper("mini:whisper")


@pytest.fixture(scope="module")
def held(mini):
    return written(mini.encoder)


def test_a_file_of_ctranslate2_hears_what_the_folder_hears(mini, held, tmp_path):
    path = saved(tmp_path / "model.bin", held | {"decoder/anything": np.zeros((2, 2), np.int8)})
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    heard, again = mini.features(sound), Whisper(str(path)).features(sound)
    assert heard.shape == again.shape
    assert np.abs(heard - again).max() < 0.02 * np.abs(heard).max()


def test_files_that_are_no_whole_whisper_are_named(held, tmp_path):
    lacking = {name: values for name, values in held.items() if "layer_1/ffn/linear_1/bias" not in name}
    quantised = held | {"encoder/conv1/weight": held["encoder/conv1/weight"].astype(np.int8)}
    for wrong, why in (
        (dict(list(held.items())[:3]), "it lacks encoder/layer_0/ffn/linear_0/bias"),
        (lacking, "layer_1/ffn/linear_1/bias"),
        (quantised, "quantised"),
        (held | {"encoder/conv1/weight": np.zeros((1 << 30, 0, 3), np.float16)}, "claims"),
        (held | {"encoder/layer_norm/beta": np.ones(7, np.float16)}, "layer_norm.bias"),
    ):
        path = saved(tmp_path / "model.bin", wrong)
        with pytest.raises(
            ModelError, match=rf"model\.bin holds no whole encoder of a Whisper.*(?s:.*){why}"
        ):
            Whisper(str(path))
    with pytest.raises(ModelError, match="TransformerSpec"):
        encoder_of_ctranslate2(saved(tmp_path / "model.bin", held, "TransformerSpec"))


def test_a_damaged_file_is_named(held, tmp_path):
    path = saved(tmp_path / "model.bin", held)
    whole = path.read_bytes()
    claims = (
        whole[:4]
        + text("WhisperSpec")
        + struct.pack("<II", 3, 1)
        + text("a")
        + struct.pack("<BIBI", 1, 9, 0, 4_000_000_000)
    )
    for damaged in (
        b"",
        b"<html>",
        whole[:9],
        whole[:5000],
        whole[: len(whole) // 2],
        b"\5" + whole[1:],
        claims,
    ):
        path.write_bytes(damaged)
        with pytest.raises(
            ModelError, match=r"model\.bin is not a model that CTranslate2 saved, or not all of one"
        ):
            arrays(path)


@needs_whisper
def test_the_registry_s_whisper_is_tiny_and_whole():
    whisper = Whisper(str(MODEL), (LAST, NORMED))
    assert len(whisper.encoder.layers) == 4
    heard_PLD = whisper.features(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))
    assert heard_PLD.shape == (50, 2, 384)
    assert np.isfinite(heard_PLD).all()


@needs_whisper
def test_it_hears_what_ctranslate2_hears():
    ctranslate2 = pytest.importorskip("ctranslate2")
    whisper = Whisper(str(MODEL))
    mel_WMT = whisper.mel(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))
    theirs = ctranslate2.models.Whisper(str(WHISPER), compute_type="float32", intra_threads=1)
    expected_PD = np.array(theirs.encode(ctranslate2.StorageView.from_array(mel_WMT)))[0]
    ours_PD = whisper.features(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))[:, 0]
    assert np.abs(ours_PD - expected_PD[: len(ours_PD)]).max() < 1e-2
