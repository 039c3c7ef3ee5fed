"""Hears speech as Whisper's encoder does: a vector fifty times a second, out of the layers that are asked for.

Any Whisper of transformers or CTranslate2 will do, the mini one included. T counts mel columns (100 a second), P positions
(50 a second), L layers, D numbers in a vector, F frames of the picture, N neighbouring positions.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from models.audio.whisper_files import load_encoder
from models.audio.windows import FEATURES_HZ, RATE, windows_of_frames
from models.weights.references import ModelError, resolve

WINDOW_S = 30
"""Whisper always listens to this much; what is missing is silence."""
NORMED = -1
"""The layer that transformers calls the last hidden state: the last block's output after the final norm."""
LAST = 0
"""The last block's output before that norm, however many blocks there are."""
BATCH = 4
"""Windows a pass: more fill a GPU no better, and each holds the states of all its positions."""


class Whisper:
    """Runs a Whisper's encoder over sound of any length.

    `layers`: `NORMED`, `LAST`, or n for what the n-th block gives, counted from 1, with no norm after it.

    Editors that learnt on the original code's features want `LAST`: that code stops before the norm.
    """

    def __init__(self, reference: str, layers: Sequence[int] = (NORMED,), device: str = "cpu"):
        self.encoder, self.extractor = load_encoder(resolve(reference))
        depth = len(self.encoder.layers)
        if not layers or not all(layer in (NORMED, LAST) or 1 <= layer <= depth for layer in layers):
            raise ModelError(
                f"{reference} has layers 1 to {depth} ({LAST}: the last; {NORMED}: it, normed), not {list(layers)}"
            )
        self.layers = tuple(depth if layer == LAST else layer for layer in layers)
        self.device = device
        self.encoder.to(device)

    @torch.inference_mode()
    def features(self, sound: np.ndarray) -> np.ndarray:
        """Returns float32 features (P, L, D) of 16 kHz mono of any length, round(50 x seconds) of them."""
        assert sound.ndim == 1, f"mono is one row of samples, not {sound.shape}"
        if not np.isfinite(sound).all():
            raise ValueError(
                f"{(~np.isfinite(sound)).sum()} of {len(sound)} samples of the sound are not finite"
            )
        count = round(len(sound) / RATE * FEATURES_HZ)
        mel_WMT = torch.from_numpy(self.mel(sound))
        heard = [
            hidden_states(self.encoder, some_BMT.to(self.device), self.layers)
            for some_BMT in mel_WMT.split(BATCH)
        ]
        heard_WPLD = torch.cat(heard).float().cpu().numpy()
        return heard_WPLD.reshape(-1, *heard_WPLD.shape[2:])[:count]

    def mel(self, sound: np.ndarray) -> np.ndarray:
        """Returns float32 mel spectrograms (windows, mels, T), one for each 30 seconds."""
        step = WINDOW_S * RATE
        windows = [sound[start : start + step] for start in range(0, max(len(sound), 1), step)]
        return self.extractor(windows, sampling_rate=RATE, return_tensors="np").input_features


def hidden_states(encoder: WhisperEncoder, mel_BMT: Tensor, layers: Sequence[int], first: int = 0) -> Tensor:
    """Returns what the layers asked for give, (B, P, L, D), and runs no deeper than the deepest of them.

    `first` is the position at which T begins.

    The library's own forward wants all 30 seconds, and training on them would waste most of its time.
    """
    x_BPD = gelu(encoder.conv2(gelu(encoder.conv1(mel_BMT)))).transpose(1, 2)
    x_BPD = x_BPD + encoder.embed_positions.weight[first : first + x_BPD.shape[1]]
    depth = len(encoder.layers) if NORMED in layers else max(layers)
    wanted = {}
    for number, layer in enumerate(encoder.layers[:depth], 1):
        x_BPD = layer(x_BPD, None)
        if number in layers:
            wanted[number] = x_BPD
    if NORMED in layers:
        wanted[NORMED] = encoder.layer_norm(x_BPD)
    return torch.stack([wanted[layer] for layer in layers], 2)


def features_of_frames(heard_PLD: np.ndarray, frames: int, fps: float = 25.0, count: int = 16) -> np.ndarray:
    """Returns the features about each frame from the first on, (F, N, L, D) (models/audio/windows.py)."""
    return heard_PLD[windows_of_frames(0, frames, len(heard_PLD), count, fps)]
