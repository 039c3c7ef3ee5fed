"""Hears speech as wav2vec2 does, and as the public X-Dub checkpoint does: Whisper and wav2vec2 side by side.

P counts features, 50 a second from the sound's beginning on, as everywhere here (models/audio/windows.py).
"""

import numpy as np
import torch
import transformers
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor

from models.audio.whisper import LAST, Whisper
from models.audio.windows import FEATURES_HZ, RATE
from models.weights.pretrained import load, load_processor
from models.weights.references import ModelError, resolve


class Wav2Vec2Model(transformers.Wav2Vec2Model):
    """Is transformers' model without the vector that hides pieces of the sound in training.

    The public base-960h lacks that vector, though its config asks for it, and would pass for damaged. What else the
    file has, a recogniser's head, is passed over.
    """

    _keys_to_ignore_on_load_unexpected = [r"^lm_head\.", r"masked_spec_embed$"]

    def __init__(self, config: Wav2Vec2Config):
        config.mask_time_prob = config.mask_feature_prob = 0.0
        super().__init__(config)


class Wav2Vec:
    """Gives the last hidden state of any wav2vec2 of transformers."""

    def __init__(self, reference: str, device: str = "cpu"):
        path = resolve(reference)
        self.model = load(Wav2Vec2Model, path).to(device)
        self.extractor = load_processor(Wav2Vec2FeatureExtractor, path)
        self.device, config = device, self.model.config
        if (self.extractor.sampling_rate, config.inputs_to_logits_ratio) != (RATE, RATE // FEATURES_HZ):
            raise ModelError(
                f"{reference} makes a feature of {config.inputs_to_logits_ratio} samples at "
                f"{self.extractor.sampling_rate} Hz, and {FEATURES_HZ} a second of {RATE} Hz are needed; "
                "give one like wav2vec2-base-960h"
            )
        self.shortest = _samples_of_one(config)

    @torch.inference_mode()
    def features(self, sound: np.ndarray) -> np.ndarray:
        """Returns float32 features (P, D) of 16 kHz mono, in one pass over all of it.

        The first layer is normed over the whole sound, so pieces of it would sound different. What that layer makes
        of a minute is 0.4 GB, and some times that is needed.

        A feature looks at 25 ms and none reaches over the end, so there may be one less than of Whisper: the last
        is repeated, which makes round(50 x seconds), and is what windows do that reach over an end.
        """
        assert sound.ndim == 1, f"mono is one row of samples, not {sound.shape}"
        if not np.isfinite(sound).all():
            raise ValueError(
                f"{(~np.isfinite(sound)).sum()} of {len(sound)} samples of the sound are not finite"
            )
        if len(sound) < self.shortest:
            raise ValueError(
                f"{len(sound)} samples of sound are less than the {self.shortest} that wav2vec2 hears at once; "
                "give longer sound, or pad it with silence"
            )
        given = self.extractor(sound, sampling_rate=RATE, return_tensors="pt").input_values
        heard_PD = self.model(given.float().to(self.device)).last_hidden_state[0].float().cpu().numpy()
        missing = round(len(sound) / RATE * FEATURES_HZ) - len(heard_PD)
        return np.pad(heard_PD, ((0, max(missing, 0)), (0, 0)), mode="edge")


class WhisperAndWav2Vec:
    """Gives what the public checkpoint hears: Whisper's last block before its norm, then wav2vec2's last state.

    Which comes first is what the published pipeline does, and has to be verified on its weights: the net's own
    module names the two the other way round, (768, 1280), where only their sum counts. Heard the wrong way round,
    lips would move, but not with the words.
    """

    def __init__(self, whisper: str, wav2vec: str, device: str = "cpu"):
        self.whisper, self.wav2vec = Whisper(whisper, (LAST,), device), Wav2Vec(wav2vec, device)

    def features(self, sound: np.ndarray) -> np.ndarray:
        """Returns float32 features (P, 1280 + 768)."""
        return np.concatenate([self.whisper.features(sound)[:, 0], self.wav2vec.features(sound)], 1)


def _samples_of_one(config: Wav2Vec2Config) -> int:
    """400: how much of the sound the convolutions need for their first feature."""
    samples = 1
    for width, step in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * step + width
    return samples
