"""Loads a Whisper's encoder and what makes its mel spectrograms: from a folder of transformers, or CTranslate2's model.bin.

The second form is how package registries carry Whisper; of it only the encoder is read, since only that hears.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from models.audio.ctranslate2 import arrays
from models.weights.pretrained import load, load_processor
from models.weights.references import ModelError

KIND = "WhisperSpec"
MOST_LAYERS, MOST_SIZE = 64, 1 << 14
"""Twice what the largest Whisper has, and more: a file's claims decide how much memory is taken."""


def load_encoder(path: Path) -> tuple[WhisperEncoder, WhisperFeatureExtractor]:
    """Loads a folder that `save_pretrained` wrote, or a file that CTranslate2 did."""
    if path.is_file():
        encoder = encoder_of_ctranslate2(path)
        return encoder, WhisperFeatureExtractor(feature_size=encoder.config.num_mel_bins)
    # On its own, the class of the encoder finds none of its names in a whole Whisper, and stays random.
    return load(WhisperModel, path).get_encoder(), load_processor(WhisperFeatureExtractor, path)


def encoder_of_ctranslate2(path: Path) -> WhisperEncoder:
    """Makes the encoder of CTranslate2's file, in full precision; ModelError where it holds no whole one."""
    kind, held = arrays(path)
    try:
        if kind != KIND:
            raise ValueError(f"it is a {kind}, no {KIND}")
        encoder = WhisperEncoder(_config(held)).eval().requires_grad_(False)
        encoder.load_state_dict(
            {name: _floats(values) for name, values in _renamed(held, len(encoder.layers))}
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        why = f"it lacks {error.args[0]}" if isinstance(error, KeyError) else error
        raise ModelError(f"{path} holds no whole encoder of a Whisper: {why}") from error
    return encoder


def _config(held: Mapping[str, np.ndarray]) -> WhisperConfig:
    size, mels, _ = held["encoder/conv1/weight"].shape
    inner = len(held["encoder/layer_0/ffn/linear_0/bias"])
    positions, heads = len(held["encoder/position_encodings/encodings"]), int(held["encoder/num_heads"])
    if not 0 < max(size, mels, inner, positions) <= MOST_SIZE or not 0 < heads <= size:
        raise ValueError(f"it claims {heads} heads and sizes of {size}, {mels}, {inner} and {positions}")
    return WhisperConfig(
        d_model=size,
        num_mel_bins=mels,
        encoder_layers=sum(f"encoder/layer_{n}/ffn/linear_0/bias" in held for n in range(MOST_LAYERS)),
        encoder_attention_heads=heads,
        encoder_ffn_dim=inner,
        max_source_positions=positions,
    )


def _renamed(held: Mapping[str, np.ndarray], depth: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the arrays by transformers' names."""
    yield "embed_positions.weight", held["encoder/position_encodings/encodings"]
    for there, here in (("conv1", "conv1"), ("conv2", "conv2")):
        yield from _both(held, f"encoder/{there}", here)
    yield from _norm(held, "encoder/layer_norm", "layer_norm")
    for n in range(depth):
        there, here = f"encoder/layer_{n}", f"layers.{n}"
        yield from _norm(held, f"{there}/self_attention/layer_norm", f"{here}.self_attn_layer_norm")
        yield from _norm(held, f"{there}/ffn/layer_norm", f"{here}.final_layer_norm")
        yield from _attention(held, f"{there}/self_attention", f"{here}.self_attn")
        yield from _both(held, f"{there}/ffn/linear_0", f"{here}.fc1")
        yield from _both(held, f"{there}/ffn/linear_1", f"{here}.fc2")


def _attention(held: Mapping[str, np.ndarray], there: str, here: str) -> Iterator[tuple[str, np.ndarray]]:
    """Queries, keys and values are one product there; Whisper's keys have no offset."""
    weights, offsets = (np.split(held[f"{there}/linear_0/{part}"], 3) for part in ("weight", "bias"))
    if offsets[1].any():
        raise ValueError(f"{there} adds something to its keys, as no Whisper does")
    for name, weight, offset in zip("qkv", weights, offsets, strict=True):
        yield f"{here}.{name}_proj.weight", weight
        if name != "k":
            yield f"{here}.{name}_proj.bias", offset
    yield from _both(held, f"{there}/linear_1", f"{here}.out_proj")


def _both(held: Mapping[str, np.ndarray], there: str, here: str) -> Iterator[tuple[str, np.ndarray]]:
    for part in ("weight", "bias"):
        yield f"{here}.{part}", held[f"{there}/{part}"]


def _norm(held: Mapping[str, np.ndarray], there: str, here: str) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{here}.weight", held[f"{there}/gamma"]
    yield f"{here}.bias", held[f"{there}/beta"]


def _floats(values: np.ndarray) -> Tensor:
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise ValueError("its numbers are quantised or not finite; take a model in float16 or float32")
    return torch.from_numpy(values.astype(np.float32))
