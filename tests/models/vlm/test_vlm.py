"""Qwen2.5-VL's adapter: the same tokens as the large one's, the same words alone as in a batch, clear refusals."""

import shutil
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from models.vlm import load_vlm
from models.vlm.asking import Asking, SampledClip, ask_about, evenly_spread
from models.vlm.prompts import GROUNDING, QUESTION
from models.vlm.question import Question, Reply, Sizes
from models.vlm.qwen import Qwen, chat, prepare
from models.weights.references import ModelError, resolve

SMALL = Sizes(56 * 56, 56 * 56)
ASKING = Asking(QUESTION, GROUNDING, first_frames=3, most_phrases=5)


@pytest.fixture(scope="module")
def qwen():
    return Qwen("mini:captioner", SMALL)


def noise(frames, high=64, wide=64, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (frames, high, wide, 3), np.uint8)


def test_a_chat_becomes_the_stream_of_tokens_that_qwen_knows(qwen):
    talk = chat(Question("What is it?", noise(2), 2.0), SMALL)
    rendered = qwen.processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    assert rendered == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_pictures_become_tokens_by_their_size_and_coordinates_are_in_what_the_model_saw(qwen):
    sizes = Sizes(28 * 28 * 4, 28 * 28 * 16)
    asked = [Question("?", noise(1, 512, 256), None), Question("?", noise(5, 64, 64), 2.0)]
    given = prepare(qwen.processor, asked, sizes)
    image, video = (
        given["input_ids"] == id for id in (qwen.net.config.image_token_id, qwen.net.config.video_token_id)
    )
    assert (int(image.sum()), int(video.sum())) == (5 * 2, 3 * 2 * 2), (
        "28x28 pixels a token, two frames at a time"
    )
    assert [(r.width, r.height) for r in Qwen("mini:captioner", sizes).ask(asked, 1)] == [(56, 140), (56, 56)]


def test_words_are_the_same_alone_and_in_a_batch_of_other_lengths(qwen):
    asked = [
        Question(QUESTION, noise(6, seed=1), 3.0),
        Question(GROUNDING.format(phrase="hand"), noise(1, seed=2), None),
        Question("Something it has never read: " * 3, noise(2, seed=3), 1.0),
    ]
    together = qwen.ask(asked, 24)
    assert together == [qwen.ask([question], 24)[0] for question in asked]
    assert together == qwen.ask(asked, 24), "and every time"


def test_the_full_size_class_has_the_size_that_its_publisher_says():
    text = {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }  # fmt: skip
    vision = {
        "depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "out_hidden_size": 3584,
        "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
    }  # fmt: skip
    with torch.device("meta"):
        net = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision))
    d, kv, f = 3584, 512, 18944
    layer = 2 * d * d + d + 2 * (d * kv + kv) + 3 * d * f + 2 * d
    v, g = 1280, 3420
    block = v * 3 * v + 3 * v + v * v + v + 3 * v * g + 2 * g + v + 2 * v
    merger = v + (4 * v) ** 2 + 4 * v + 4 * v * d + d
    assert sum(p.numel() for p in net.parameters()) == (
        2 * 152064 * d + 28 * layer + d + 3 * 2 * 14 * 14 * v + 32 * block + merger
    )
    assert sum(p.numel() for p in net.parameters()) == 8_292_166_656
    named = dict(net.named_parameters())
    assert named["model.language_model.layers.27.self_attn.k_proj.weight"].shape == (512, 3584)
    assert named["model.visual.merger.mlp.2.weight"].shape == (3584, 5120)


def test_a_folder_that_is_no_qwen_or_half_of_one_is_refused_by_name(tmp_path):
    whole = resolve("mini:captioner")
    for file in whole.iterdir():
        shutil.copy(file, tmp_path / file.name)
    weights = load_file(whole / "model.safetensors")
    weights.pop(next(key for key in weights if key.endswith("visual.merger.mlp.2.weight")))
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"no whole Qwen2_5_VL.*: 1 of its tensors.*visual.merger"):
        Qwen(str(tmp_path), SMALL)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"no Qwen2_5_VL.* that can be loaded: .*header too large"):
        Qwen(str(tmp_path), SMALL)


def test_vllm_is_imported_only_when_asked_for_and_said_to_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ModelError, match="install vLLM"):
        load_vlm("vllm", "mini:captioner", SMALL)


def test_vllm_is_given_the_tokens_and_frames_that_transformers_is_given(monkeypatch, qwen):
    """vLLM itself needs a GPU: what it would be handed is caught, and compared."""
    caught = []

    class Engine:
        def __init__(self, **_):
            pass

        def generate(self, requests, sampling, use_tqdm):
            caught.extend(requests)
            assert sampling["temperature"] == 0
            said = types.SimpleNamespace(text=" hand\n")
            return [types.SimpleNamespace(outputs=[said]) for _ in requests]

    fake = types.SimpleNamespace(LLM=Engine, SamplingParams=dict)
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.delitem(sys.modules, "models.vlm.vllm", raising=False)
    asked = [Question(QUESTION, noise(4), 2.0), Question("Where?", noise(1, 128, 64), None)]
    sizes = Sizes(56 * 56, 56 * 112)
    replies = load_vlm("vllm", "mini:captioner", sizes).ask(asked, 8)
    assert replies == [Reply("hand", 56, 56), Reply("hand", 56, 112)]
    monkeypatch.delitem(sys.modules, "models.vlm.vllm")
    for question, request in zip(asked, caught, strict=True):
        kind = "image" if question.fps is None else "video"
        shown = {f"{kind}s": [request["multi_modal_data"][kind]]}
        how = {"do_resize": False, "do_sample_frames": False}
        mine = qwen.processor(text=[request["prompt"]], return_tensors="pt", **shown, **how)
        theirs = prepare(qwen.processor, [question], sizes)
        assert mine["input_ids"].equal(theirs["input_ids"])
        pixels = "pixel_values" if kind == "image" else "pixel_values_videos"
        assert torch.allclose(mine[pixels], theirs[pixels], atol=1e-5)


class Scripted:
    """Answers in a model's place; `asked` is what it was asked."""

    def __init__(self, answer, grounds):
        self.answer, self.grounds, self.asked = answer, grounds, []

    def ask(self, questions, most_tokens):
        self.asked.append([question.text for question in questions])
        return [Reply(self._say(question), 100, 100) for question in questions]

    def _say(self, question):
        if question.fps is not None:
            return self.answer
        return next(iter(self.grounds(question.text, int(question.rgb_FHWC[0, 0, 0, 0]))))


def clip_of(frames=6):
    """Each frame is as bright as its number."""
    rgb_FHWC = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    return SampledClip(rgb_FHWC, evenly_spread(60, frames), 6.0)


def test_the_frame_is_chosen_where_the_thing_is_largest_and_the_rest_is_asked_only_for_what_was_missed():
    def grounds(text, frame):
        if "hand" in text:
            yield f"[10, 10, {20 + 10 * frame}, 50]"
        yield "[30, 30, 60, 60]" if frame == 2 else "[]"

    vlm = Scripted("hand and cup", grounds)
    (seen,) = ask_about(vlm, [clip_of()], ASKING)
    assert (seen.found["hand"].frame, seen.found["cup"].frame) == (55, 25)
    assert seen.found["hand"].boxes == ((0.1, 0.1, 0.7, 0.5),)
    texts = [text for batch in vlm.asked for text in batch]
    assert sum("hand" in text for text in texts) == 3
    assert sum('"cup"' in text for text in texts) == 6
    assert max(map(len, vlm.asked)) == 3, "pictures come in batches of as many tokens as the videos"


def test_nothing_is_not_asked_where_and_the_unclear_neither():
    for answer, unclear in (("nothing", False), ("Yes.", True)):
        vlm = Scripted(answer, lambda *_: ["[]"])
        (seen,) = ask_about(vlm, [clip_of()], ASKING)
        assert (len(vlm.asked), seen.phrases, bool(seen.unclear)) == (1, [], unclear)


def test_samples_are_spread_and_a_clip_shorter_than_they_are_is_taken_whole():
    assert evenly_spread(50, 5).tolist() == [5, 15, 25, 35, 45]
    assert evenly_spread(3, 6).tolist() == [0, 1, 2]
