"""A prompt's embedding: the library's own, kept, and nothing but that."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel, UMT5EncoderModel

from models.dubbing import prompt
from models.dubbing.prompt import prompt_embedding, prompt_shape
from models.weights.references import ModelError
from tests.models.dubbing.small_xdub import save_umt5


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def text(tmp_path):
    torch.manual_seed(0)
    save_umt5(tmp_path / "text")
    return tmp_path / "text"


def never(*_):
    raise AssertionError("the encoder was loaded")


def test_it_is_the_library_s_without_padding(text):
    model = UMT5EncoderModel.from_pretrained(text / "text_encoder").eval()
    for words, tokens in {"": [1], "a  face\nspeaks": [3, 4, 5, 1], "a voice": [3, 2, 1]}.items():
        padded = torch.tensor([tokens + [0] * (8 - len(tokens))])
        with torch.inference_mode():
            expected_LX = model(padded, attention_mask=(padded > 0).long()).last_hidden_state[
                0, : len(tokens)
            ]
        found_LX = prompt_embedding(words, str(text))
        assert (found_LX.dtype, tuple(found_LX.shape)) == (torch.float32, prompt_shape(words, str(text)))
        torch.testing.assert_close(found_LX, expected_LX, atol=1e-5, rtol=1e-4)
        assert found_LX.std() > 0.01


def test_the_encoder_is_loaded_once_for_a_prompt_and_again_when_it_changes(text, cache, monkeypatch):
    first = prompt_embedding("", str(text))
    with monkeypatch.context() as without:
        without.setattr(prompt, "load", never)
        assert torch.equal(prompt_embedding("  ", str(text / "text_encoder")), first)
        with pytest.raises(AssertionError, match="was loaded"):
            prompt_embedding("a face", str(text))
    kept = list((cache / "prompts").iterdir())
    assert [one.suffix for one in kept] == [".safetensors"]
    assert torch.equal(prompt_embedding("", str(kept[0])), first)
    weights = text / "text_encoder" / "model.safetensors"
    save_file({key: value * 1.5 for key, value in load_file(weights).items()}, weights, {"format": "pt"})
    assert not torch.equal(prompt_embedding("", str(text)), first)


def test_no_words_need_no_tokenizer_and_words_the_one_that_is_pulled_apart(text):
    (text / "tokenizer" / "tokenizer.json").unlink()
    assert prompt_shape("", str(text)) == (1, 8)
    with pytest.raises(ModelError, match="redub models pull umt5-tokenizer"):
        prompt_shape("a face", str(text))


def test_what_cannot_be_told_is_refused_before_the_encoder_is_loaded(text, tmp_path, monkeypatch):
    monkeypatch.setattr(prompt, "load", never)
    with pytest.raises(
        ModelError, match=r"prompt 'a a a .* has 601 tokens, and the net reads 512: shorten it"
    ):
        prompt_embedding("a " * 600, str(text))
    T5EncoderModel(
        T5Config(vocab_size=6, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="holds a t5, not the umT5"):
        prompt_shape("", str(tmp_path / "t5"))
    (text / "tokenizer" / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer.json is no tokenizer"):
        prompt_shape("a face", str(text))
    with pytest.raises(ModelError, match="pull or copy it again"):
        prompt_shape("", str(tmp_path))


def test_a_file_with_an_embedding_is_taken_as_it_is_and_others_are_refused(tmp_path):
    path = tmp_path / "empty.safetensors"
    save_file({"any": torch.ones(3, 8, dtype=torch.bfloat16)}, path)
    assert (prompt_shape("", str(path)), prompt_embedding("", str(path)).dtype) == ((3, 8), torch.float32)
    with pytest.raises(ModelError, match="embedding already"):
        prompt_embedding("a face", str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(ModelError, match="cannot be read"):
        prompt_embedding("", str(path))
    for wrong in (
        {"a": torch.ones(513, 8)},
        {"a": torch.ones(8)},
        {"a": torch.ones(1, 8), "b": torch.ones(1)},
    ):
        save_file(wrong, path)
        with pytest.raises(ModelError, match="and not one of 1 to 512 tokens"):
            prompt_shape("", str(path))


def test_a_damaged_encoder_is_refused_and_nothing_is_kept(text, cache):
    weights = text / "text_encoder" / "model.safetensors"
    save_file(
        {key: value * torch.nan for key, value in load_file(weights).items()}, weights, {"format": "pt"}
    )
    with pytest.raises(ModelError, match="NaN"):
        prompt_embedding("", str(text))
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ModelError, match="UMT5EncoderModel that can be loaded"):
        prompt_embedding("", str(text))
    assert not (cache / "prompts").exists()
