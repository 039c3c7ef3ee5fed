"""Runs Qwen2.5-VL by transformers: pictures and a question in, its words out, many at a time.

    model = Qwen("mini:captioner", Sizes(112 * 112, 112 * 112))
    (reply,) = model.ask([Question("What is before the face?", rgb_FHWC, fps=2.0)], most_tokens=32)

Decoding is greedy, so the same pictures get the same words. The model is any directory that `save_pretrained`
wrote; on a GPU it runs in bf16, the precision it was trained in, else in fp32.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from qwen_vl_utils import process_vision_info
from transformers import AutoProcessor, BatchFeature, Qwen2_5_VLForConditionalGeneration

from models.vlm.question import Question, Reply, Sizes
from models.weights import pretrained
from models.weights.references import resolve


class Qwen:
    """Implements `models.vlm.question.Vlm` with transformers."""

    def __init__(self, reference: str, sizes: Sizes, device: str | None = None) -> None:
        self.sizes = sizes
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.processor, self.net = load(
            reference, torch.bfloat16 if self.device.type == "cuda" else torch.float32
        )
        # A batch's answers begin together only when what is missing of the shorter questions is on their left.
        self.processor.tokenizer.padding_side = "left"
        self.net.to(self.device)
        self.patch = self.net.config.vision_config.patch_size

    def ask(self, questions: Sequence[Question], most_tokens: int) -> list[Reply]:
        """Returns answers in the order of the questions; a batch is as large as the list."""
        given = prepare(self.processor, questions, self.sizes).to(self.device)
        with torch.inference_mode():
            tokens_BT = self.net.generate(**given, **greedy(most_tokens))
        said = self.processor.batch_decode(
            tokens_BT[:, given["input_ids"].shape[1] :], skip_special_tokens=True
        )
        seen = seen_sizes(questions, given, self.patch)
        return [Reply(text.strip(), *size) for text, size in zip(said, seen, strict=True)]


def load(reference: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Loads the processor and the network of a directory as `save_pretrained` writes it, whole or not at all."""
    path = resolve(reference)
    processor = pretrained.load_processor(AutoProcessor, path)
    # Whether it would cap frames it scales, which it must say or it warns; here it scales none (vision).
    processor.video_processor.cap_pixels_per_frame = False
    return processor, pretrained.load(Qwen2_5_VLForConditionalGeneration, path, dtype)


def prepare(processor: Any, questions: Sequence[Question], sizes: Sizes) -> BatchFeature:
    """Returns what the network takes: tokens, their kinds, and patches of the pictures."""
    chats = [chat(question, sizes) for question in questions]
    texts = [processor.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
    images, videos, how = vision(chats)
    return processor(text=texts, images=images, padding=True, return_tensors="pt", **videos, **how)


def greedy(most_tokens: int) -> dict[str, Any]:
    """Returns the settings of greedy decoding, which put a checkpoint's own aside.

    A penalty on repeated tokens would bend coordinates away from digits that have been used.
    """
    aside = dict.fromkeys(("temperature", "top_p", "top_k"))
    return {"max_new_tokens": most_tokens, "do_sample": False, "repetition_penalty": 1.0, **aside}


def chat(question: Question, sizes: Sizes) -> list[dict[str, Any]]:
    """Returns a question as Qwen's own processor and vLLM's take it."""
    pictures = [Image.fromarray(rgb_HWC) for rgb_HWC in question.rgb_FHWC]
    limits = {"min_pixels": sizes.min_pixels, "max_pixels": sizes.max_pixels}
    if question.fps is None:
        shown = {"type": "image", "image": pictures[0], **limits}
    else:
        shown = {"type": "video", "video": pictures, "sample_fps": question.fps, **limits}
    return [{"role": "user", "content": [shown, {"type": "text", "text": question.text}]}]


def vision(chats: list[Any]) -> tuple[list[Any] | None, dict[str, Any], dict[str, Any]]:
    """Returns pictures, videos with what their frames are, and what the processor must be told about them."""
    images, videos, how = process_vision_info(chats, return_video_kwargs=True, return_video_metadata=True)
    how["do_resize"] = False  # or the processor scales again, to limits of its own
    if videos is None:
        return images, {}, how
    frames, metadata = zip(*videos, strict=True)
    return images, {"videos": list(frames), "video_metadata": list(metadata)}, how


def seen_sizes(questions: Sequence[Question], given: BatchFeature, patch: int) -> list[tuple[int, int]]:
    """Returns width and height of each question's pictures as the model saw them: what its coordinates are in."""
    images, videos = (iter(given.get(key, ())) for key in ("image_grid_thw", "video_grid_thw"))
    grids = [next(images if question.fps is None else videos) for question in questions]
    return [(int(wide) * patch, int(high) * patch) for _, high, wide in grids]
