"""Gives nets that read text the one prompt there is: "", as the public checkpoint is always given (METHOD 4).

L tokens of X numbers, for B samples.
"""

from torch import Tensor

from models.dit.config import DitConfig
from models.dubbing.prompt import prompt_embedding
from tasks.training.problems import Stop


def needs_naming(config: DitConfig, text: str) -> str:
    """Says why a net that reads text can't go without; empty where it can, or has what it needs."""
    if text or not config.text:
        return ""
    return (
        f"the net reads text of {config.text} numbers a token, and the recipe names none: give --set text=umt5, or the "
        ".safetensors file of a prompt's embedding"
    )


def prompt_of(config: DitConfig, text: str) -> Tensor | None:
    """Returns the prompt (L, X) as an encoder or a file says it; None for a net that reads no text."""
    if why := needs_naming(config, text):
        raise Stop(why)
    if not config.text:
        return None
    prompt_LX = prompt_embedding("", text, config.text_tokens)
    if prompt_LX.shape[1] != config.text:
        raise Stop(
            f"text={text} has {prompt_LX.shape[1]} numbers a token, and the net reads {config.text}: give the encoder "
            "that the net was made for"
        )
    return prompt_LX
