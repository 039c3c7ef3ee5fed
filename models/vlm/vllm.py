"""Runs Qwen2.5-VL by vLLM: the same questions, the same form of answers, more of them a second on a large GPU.

Optional; imported only when a recipe asks for it. It is given the same tokens and the same scaled frames as
transformers, and decodes greedily too; its kernels round differently, so now and then a word differs.
"""

from collections.abc import Sequence
from typing import Any

from transformers import AutoProcessor
from vllm import LLM, SamplingParams

from models.vlm.question import Question, Reply, Sizes
from models.vlm.qwen import chat, vision
from models.weights.references import resolve

LONGEST = 16384
"""Tokens of a question and its answer: more are no clip's, and room for them is taken on the GPU."""


class VllmQwen:
    """Implements `models.vlm.question.Vlm` with vLLM."""

    def __init__(self, reference: str, sizes: Sizes) -> None:
        path = str(resolve(reference))
        self.sizes = sizes
        self.processor = AutoProcessor.from_pretrained(path, local_files_only=True)
        self.engine = LLM(
            model=path, max_model_len=LONGEST, limit_mm_per_prompt={"image": 1, "video": 1}, seed=0
        )

    def ask(self, questions: Sequence[Question], most_tokens: int) -> list[Reply]:
        """Returns answers in the order of the questions; vLLM makes its own batches of them."""
        given = [self._request(question) for question in questions]
        sampling = SamplingParams(temperature=0.0, max_tokens=most_tokens, repetition_penalty=1.0)
        done = self.engine.generate([request for request, _ in given], sampling, use_tqdm=False)
        return [Reply(one.outputs[0].text.strip(), *size) for one, (_, size) in zip(done, given, strict=True)]

    def _request(self, question: Question) -> tuple[dict[str, Any], tuple[int, int]]:
        """As vLLM takes it, and the width and height of the pictures in it."""
        talk = chat(question, self.sizes)
        prompt = self.processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        images, videos, how = vision([talk])
        if question.fps is None:
            assert images is not None
            shown, size = {"image": images[0]}, images[0].size
        else:
            frames_FCHW = videos["videos"][0]
            shown, size = {"video": frames_FCHW.numpy()}, tuple(frames_FCHW.shape[:1:-1])
            how["fps"] = question.fps
        request = {"prompt": prompt, "multi_modal_data": shown, "mm_processor_kwargs": how}
        return request, size
