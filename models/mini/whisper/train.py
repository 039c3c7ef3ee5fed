"""Trains the mini Whisper's encoder, by asking it fifty times a second for the lips and for the phone.

Two linear heads ask, so that both stand in its last hidden state for whoever reads it with little effort. The
decoder is there because a Whisper has one, and stays as it was made.
"""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from models.audio.whisper import FEATURES_HZ, NORMED, hidden_states
from models.mini.shipping import Numbers, described, write_about
from models.mini.training import seeded, train
from models.mini.whisper.corpus import (
    PHONES,
    POSITIONS,
    Plan,
    batch,
    make_lesson,
    vary,
    where_a_lesson_starts,
)
from models.mini.world_pictures import TRAINING
from models.weights.pretrained import quietly

log = logging.getLogger(__name__)

SPREAD_3 = torch.tensor([0.33, 0.5, 0.33])
"""About the standard deviations of opening, width and protrusion: an error of one counts as much as of another."""


def config() -> WhisperConfig:
    """Returns the mini Whisper's config."""
    return WhisperConfig(
        d_model=96,
        encoder_layers=3,
        encoder_attention_heads=4,
        encoder_ffn_dim=256,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=32,
        vocab_size=len(PHONES),
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
        begin_suppress_tokens=None,
    )


class TrainingNet(nn.Module):
    """The encoder, with the two questions that it is taught by."""

    def __init__(self, whisper: WhisperModel):
        super().__init__()
        self.encoder = whisper.get_encoder()
        size = whisper.config.d_model
        self.lips, self.phone = nn.Linear(size, 3), nn.Linear(size, len(PHONES))

    def forward(self, mel_BMT: Tensor, lips_BP3: Tensor, phone_BP: Tensor, first: int) -> Tensor:
        heard_BPD = hidden_states(self.encoder, mel_BMT, (NORMED,), first)[:, :, 0]
        lips = mse_loss(self.lips(heard_BPD) / SPREAD_3, lips_BP3 / SPREAD_3)
        return lips + 0.1 * cross_entropy(self.phone(heard_BPD).flatten(0, 1), phone_BP.flatten())


def make(plan: Plan) -> tuple[WhisperModel, WhisperFeatureExtractor]:
    """Makes and trains the mini Whisper."""
    rng, noise = seeded(plan.seed)
    extractor = WhisperFeatureExtractor(feature_size=config().num_mel_bins)
    people = range(TRAINING, TRAINING + plan.people)
    lessons = [make_lesson(plan, person, extractor) for person in people]
    spoken = sum(one.last - one.first for one in lessons) / FEATURES_HZ
    log.info("%d speakers, %.0f s of speech", plan.people, spoken)
    whisper = WhisperModel(config())
    training_net, number = TrainingNet(whisper), 0

    def step() -> Tensor:
        nonlocal number
        number += 1
        whole = number % plan.whole_every == 0
        some = [
            lessons[i] for i in rng.integers(len(lessons), size=plan.whole_batch if whole else plan.batch)
        ]
        count, first = (POSITIONS, 0) if whole else (plan.short, int(rng.integers(POSITIONS - plan.short)))
        starts = [0 if whole else where_a_lesson_starts(one, count, rng) for one in some]
        mel_BMT, *asked = batch(some, starts, count)
        return training_net(vary(mel_BMT, noise), *asked, first)

    train(training_net, step, plan.steps, plan.rate)
    return whisper.eval(), extractor


def save(
    made: tuple[WhisperModel, WhisperFeatureExtractor], plan: Plan, numbers: Numbers, folder: Path
) -> None:
    """Saves it as transformers does, with where it comes from beside it."""
    with quietly():
        for part in made:
            part.save_pretrained(folder)
    what, learned = "Whisper; only the encoder is trained", f"the speech of {plan.people} people"
    write_about(folder, described("whisper", what, learned, plan, numbers))
