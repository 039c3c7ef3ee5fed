"""Embeds a prompt by umT5, a vector a token: the text that a video DiT reads.

The encoder is 5.7 billion numbers, 23 GB in 32 bits, and editors are always given the same: "". So it is loaded once
for each prompt, let go at once, and its answer, some kilobytes, is kept in the cache. Whoever has such an answer
already gives that file and needs no encoder.

L tokens, X numbers in each.
"""

import json
import os
from collections.abc import Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig, PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from models.weights.digests import digest
from models.weights.known import reference as known_reference
from models.weights.pretrained import load, load_processor
from models.weights.references import ModelError, cache, resolve

MOST = 512
"""Tokens that Wan's nets read at most."""
QUOTED = 40
"""Letters of a prompt in a message."""


def prompt_shape(prompt: str, reference: str, most: int = MOST) -> tuple[int, ...]:
    """Returns a prompt's shape (L, X) without the encoder: what does not fit is refused before that is loaded."""
    path = resolve(reference)
    if path.is_file():
        _no_words(prompt, path)
        with _embedding(path) as (file, name):
            return tuple(file.get_slice(name).get_shape())
    folder, config = _encoder(path)
    return len(_tokens(prompt, folder, config, most)), config.d_model


def prompt_embedding(prompt: str, reference: str, most: int = MOST) -> Tensor:
    """Returns a prompt's embedding, float32 (L, X), no padding, on the CPU.

    The reference is a folder of transformers' UMT5EncoderModel, or one that holds it as `text_encoder`, as diffusers
    lays pipelines out; or a .safetensors file with nothing but an embedding.
    """
    path = resolve(reference)
    if path.is_file():
        _no_words(prompt, path)
        return _read(path)
    folder, config = _encoder(path)
    tokens = _tokens(prompt, folder, config, most)
    # By tokens rather than words: another tokenizer may make others of them.
    key = sha256(json.dumps([digest(str(folder)), tokens]).encode()).hexdigest()
    kept = cache() / "prompts" / f"{key}.safetensors"
    if not kept.is_file():
        _keep(kept, _encoded(folder, tokens))
    return _read(kept)


@torch.inference_mode()
def _encoded(folder: Path, tokens: Sequence[int]) -> Tensor:
    """In 32 bits on the CPU, so that what is kept is the same wherever it was made."""
    encoder = load(UMT5EncoderModel, folder)
    prompt_LX = encoder(input_ids=torch.tensor([tokens])).last_hidden_state[0]
    if not prompt_LX.isfinite().all():
        raise ModelError(f"{folder} makes NaN or infinite numbers of a prompt; pull or copy it again")
    return prompt_LX


def _encoder(path: Path) -> tuple[Path, UMT5Config]:
    folder = path / "text_encoder" if (path / "text_encoder").is_dir() else path
    config = load_processor(AutoConfig, folder)
    if not isinstance(config, UMT5Config):
        raise ModelError(
            f"{folder} holds a {config.model_type}, not the umT5 that Wan's nets read; give that"
        )
    return folder, config


def _tokens(prompt: str, folder: Path, config: UMT5Config, most: int) -> list[int]:
    """Without words there is the end alone, and nobody needs a tokenizer for that."""
    words = " ".join(prompt.split())
    if not words:
        return [config.eos_token_id]
    file = _tokenizer_of(folder)
    try:
        tokens = list(PreTrainedTokenizerFast(tokenizer_file=str(file))(words).input_ids)
    except Exception as error:  # the library's errors have no common base
        raise ModelError(f"{file} is no tokenizer that can be loaded: {error}; copy it again") from error
    if tokens[-1:] != [config.eos_token_id] or max(tokens) >= config.vocab_size:
        raise ModelError(
            f"{file} is not the tokenizer of {folder}: their tokens differ; give both of one umT5"
        )
    if len(tokens) > most:
        raise ModelError(
            f"the prompt {words[:QUOTED]!r}... has {len(tokens)} tokens, and the net reads {most}: shorten it"
        )
    return tokens


def _tokenizer_of(folder: Path) -> Path:
    """Beside the encoder or in its own folder; a part of a repository comes alone, and its tokenizer apart."""
    places = (folder, folder / "tokenizer", folder.parent / "tokenizer")
    found = [place / "tokenizer.json" for place in places if (place / "tokenizer.json").is_file()]
    return found[0] if found else resolve(known_reference("umt5-tokenizer"))


# -- an embedding as a file ----------------------------------------------------------------------------


def _no_words(prompt: str, path: Path) -> None:
    if prompt.strip():
        raise ModelError(f"{path} is a prompt's embedding already; give its encoder, or no words beside it")


def _read(path: Path) -> Tensor:
    with _embedding(path) as (file, name):
        return file.get_tensor(name).float()


@contextmanager
def _embedding(path: Path):
    """The open file and the name of its one tensor, a small one."""
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            shape = file.get_slice(names[0]).get_shape() if len(names) == 1 else []
            if len(shape) != 2 or not 1 <= shape[0] <= MOST:
                raise ModelError(
                    f"{path} holds {len(names)} tensors{f', {list(shape)}' if shape else ''}, and not one of 1 to "
                    f"{MOST} tokens by their numbers; give a prompt's embedding, or its encoder's folder"
                )
            yield file, names[0]
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): it is damaged, or no safetensors; delete or copy it"
        ) from error


def _keep(path: Path, prompt_LX: Tensor) -> None:
    """Whole or not at all: another process may be reading."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"prompt": prompt_LX.contiguous()}, temporary)
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path.parent} cannot take a prompt's embedding ({error}): make room, or let REDUB_MODELS name a "
            "folder that can be written"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
