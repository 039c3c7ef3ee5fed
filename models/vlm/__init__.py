"""Runs vision-language models: which back-end does it is the recipe's choice, the words it gives are alike."""

from typing import Literal

from models.vlm.question import Sizes, Vlm
from models.weights.references import ModelError

Backend = Literal["transformers", "vllm"]
NO_VLLM = (
    "the back-end `vllm` cannot start here ({error}): install vLLM for your GPU (`uv pip install vllm`), "
    "or use `transformers`, which needs nothing more"
)


def load_vlm(backend: Backend, reference: str, sizes: Sizes) -> Vlm:
    """Loads a model, and imports only what the back-end needs: vLLM is not part of the default install."""
    if backend == "transformers":
        from models.vlm.qwen import Qwen

        return Qwen(reference, sizes)
    if backend == "vllm":
        try:
            from models.vlm.vllm import VllmQwen
        except (ImportError, OSError) as error:
            raise ModelError(NO_VLLM.format(error=error)) from error
        return VllmQwen(reference, sizes)
    raise ModelError(
        f"there is no back-end {backend!r} for vision-language models: take transformers or vllm"
    )
