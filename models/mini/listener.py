"""Trains the mini Whisper on the procedural world's speech, and measures how well lips can be read off it.

    python -m models.mini.listener

writes models/mini/weights/whisper, a folder that transformers' WhisperModel loads, and prints the report. Only
the encoder is trained: two linear heads ask every fiftieth of a second for the lips and for the phone, so that
both stand in its last hidden state for whoever reads it with little effort. The decoder is there because a
Whisper has one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, mse_loss
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from models.audio.whisper import FEATURES_HZ, NORMED, RATE, WINDOW_S, Whisper, around_frames, states
from models.mini.corpus import TRAINING
from models.mini.face import seeded, train
from models.mini.shipping import Numbers, described, ship, write_about
from models.weights.pretrained import quietly
from models.world.people import make_person
from models.world.speech import GLIDES, SOUNDS, Speech, speak
from models.world.voice import synthesise

log = logging.getLogger(__name__)
PHONES = (*SOUNDS, *GLIDES)
POSITIONS = WINDOW_S * FEATURES_HZ
SPREAD_3 = torch.tensor([0.33, 0.5, 0.33])
"""About the standard deviations of opening, width and protrusion: an error of one counts as much as of another."""
LIPS = ("opening_r2", "width_r2", "protrusion_r2")
FLOORS = {**dict.fromkeys(LIPS, 0.9), "late_r2": 0.8}


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    people: int = 400
    seconds: tuple[float, float] = (3.0, 30.0)
    """Of speech from each, between these."""
    steps: int = 900
    rate: float = 2e-3
    short: int = 160
    """Positions of most lessons, which begin anywhere in the 30 seconds: attention over all is dear."""
    batch: int = 16
    whole_every: int = 4
    """One lesson in so many is of 30 seconds with silence round the speech, as in use."""
    whole_batch: int = 3
    strangers: int = 60


@dataclass(frozen=True)
class Lesson:
    mel_MT: np.ndarray
    """float16, 30 seconds, silent before and after the speech."""
    lips_P3: np.ndarray
    phone_P: np.ndarray
    first: int
    """The positions between which somebody speaks."""
    last: int


def config() -> WhisperConfig:
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


def make_lesson(plan: Plan, person: int, extractor: WhisperFeatureExtractor) -> Lesson:
    """Half of them are silent at first, too: a net that always heard speech at once takes the lead for a part."""
    rng = np.random.default_rng([plan.seed, person, 4])
    count = round(rng.uniform(*plan.seconds) * FEATURES_HZ)
    first = int(rng.integers(POSITIONS - count + 1)) if rng.random() < 0.5 else 0
    speech = speak(rng, count / FEATURES_HZ, singing=bool(rng.random() < 0.1))
    sound = synthesise(speech, make_person(person).voice, rng)
    sound = sound + np.float32(10 ** (rng.uniform(-75, -38) / 20)) * rng.standard_normal(
        len(sound), np.float32
    )
    sound = np.pad(sound, (first * RATE // FEATURES_HZ, 0))
    mel_MT = extractor(sound, sampling_rate=RATE, return_tensors="np").input_features[0]
    lips_P3, phone_P = np.zeros((POSITIONS, 3), np.float32), np.zeros(POSITIONS, np.int64)
    lips_P3[first : first + count] = speech.mouth(FEATURES_HZ, count)
    phone_P[first : first + count] = phones_of(speech, count)
    return Lesson(mel_MT.astype(np.float16), lips_P3, phone_P, first, first + count)


def phones_of(speech: Speech, count: int) -> np.ndarray:
    """The phone at each position, as its place in `PHONES`; the pause is the first."""
    ends = np.array([phone.end_s for phone in speech.phones])
    which_P = np.searchsorted(ends, np.arange(count) / FEATURES_HZ, side="right").clip(0, len(ends) - 1)
    return np.array([PHONES.index(phone.name) for phone in speech.phones])[which_P]


class Pupil(nn.Module):
    """The encoder with the two questions it is taught by."""

    def __init__(self, whisper: WhisperModel):
        super().__init__()
        self.encoder = whisper.get_encoder()
        size = whisper.config.d_model
        self.lips, self.phone = nn.Linear(size, 3), nn.Linear(size, len(PHONES))

    def forward(self, mel_BMT: Tensor, lips_BP3: Tensor, phone_BP: Tensor, first: int) -> Tensor:
        heard_BPD = states(self.encoder, mel_BMT, (NORMED,), first)[:, :, 0]
        lips = mse_loss(self.lips(heard_BPD) / SPREAD_3, lips_BP3 / SPREAD_3)
        return lips + 0.1 * cross_entropy(self.phone(heard_BPD).flatten(0, 1), phone_BP.flatten())


def start(lesson: Lesson, count: int, rng: np.random.Generator) -> int:
    """Where a short lesson begins, so that at least half of it is speech."""
    earliest, latest = lesson.first - count // 2, lesson.last - count // 2
    return int(rng.integers(earliest, latest).clip(0, POSITIONS - count))


def batch(lessons: list[Lesson], starts: list[int], count: int) -> tuple[Tensor, Tensor, Tensor]:
    pairs = list(zip(lessons, starts, strict=True))
    mel_BMT = np.stack([one.mel_MT[:, 2 * at : 2 * (at + count)] for one, at in pairs])
    lips_BP3 = np.stack([one.lips_P3[at : at + count] for one, at in pairs])
    phone_BP = np.stack([one.phone_P[at : at + count] for one, at in pairs])
    return torch.from_numpy(mel_BMT).float(), torch.from_numpy(lips_BP3), torch.from_numpy(phone_BP)


def vary(mel_BMT: Tensor, rng: torch.Generator) -> Tensor:
    """Another microphone for each: smooth over the pitches, by some 3 dB."""
    knots_B1K = 0.07 * torch.randn(len(mel_BMT), 1, 6, generator=rng)
    colour_BM = interpolate(knots_B1K, mel_BMT.shape[1], mode="linear", align_corners=True)[:, 0]
    return mel_BMT + colour_BM[:, :, None]


def make(plan: Plan) -> tuple[WhisperModel, WhisperFeatureExtractor]:
    rng, noise = seeded(plan.seed)
    extractor = WhisperFeatureExtractor(feature_size=config().num_mel_bins)
    people = range(TRAINING, TRAINING + plan.people)
    lessons = [make_lesson(plan, person, extractor) for person in people]
    spoken = sum(one.last - one.first for one in lessons) / FEATURES_HZ
    log.info("%d speakers, %.0f s of speech", plan.people, spoken)
    whisper = WhisperModel(config())
    pupil, number = Pupil(whisper), 0

    def step() -> Tensor:
        nonlocal number
        number += 1
        whole = number % plan.whole_every == 0
        some = [
            lessons[i] for i in rng.integers(len(lessons), size=plan.whole_batch if whole else plan.batch)
        ]
        count, first = (POSITIONS, 0) if whole else (plan.short, int(rng.integers(POSITIONS - plan.short)))
        starts = [0 if whole else start(one, count, rng) for one in some]
        mel_BMT, *asked = batch(some, starts, count)
        return pupil(vary(mel_BMT, noise), *asked, first)

    train(pupil, step, plan.steps, plan.rate)
    return whisper.eval(), extractor


def save(
    made: tuple[WhisperModel, WhisperFeatureExtractor], plan: Plan, numbers: Numbers, folder: Path
) -> None:
    """As transformers saves it, with where it comes from beside it."""
    with quietly():
        for part in made:
            part.save_pretrained(folder)
    what, learned = "Whisper; only the encoder is trained", f"the speech of {plan.people} people"
    write_about(folder, described("listener", what, learned, plan, numbers))


def measure(reference: str, people: int, seed: int = 1, taught: int = 60) -> dict[str, float]:
    """How much of strangers' lips a ridge regression reads off 16 neighbouring features, learnt on others.

    `late_r2`: the least of the three where nothing is heard for ten seconds before the same speech.
    """
    whisper = Whisper(reference)
    read = ridge(*_heard(whisper, seed, range(TRAINING, TRAINING + taught)))
    at_once_3, late_3 = (_r2(read, *_heard(whisper, seed, range(people), silence)) for silence in (0, 10))
    numbers = dict(zip(LIPS, at_once_3, strict=True)) | {"late_r2": min(late_3)}
    return {name: round(float(value), 4) for name, value in numbers.items()}


def _r2(read: Callable[[np.ndarray], np.ndarray], heard_ND: np.ndarray, lips_N3: np.ndarray) -> np.ndarray:
    return 1 - ((read(heard_ND) - lips_N3) ** 2).mean(0) / lips_N3.var(0)


def _heard(whisper: Whisper, seed: int, people: range, silence: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What is heard about each frame of six seconds of everybody's, and their lips."""
    heard, lips, frames = [], [], 150
    for person in people:
        rng = np.random.default_rng([seed, person, 5])
        speech = speak(rng, 6.0)
        sound = synthesise(speech, make_person(person).voice, rng)
        heard_PLD = whisper.listen(np.pad(sound, (silence * RATE, 0)))[silence * FEATURES_HZ :]
        heard.append(around_frames(heard_PLD, frames).reshape(frames, -1))
        lips.append(speech.mouth(25, frames))
    return np.concatenate(heard), np.concatenate(lips)


def ridge(x_ND: np.ndarray, y_NK: np.ndarray, stiffness: float = 300.0) -> Callable[[np.ndarray], np.ndarray]:
    """The linear reading of y off x. Weights are held small, or it would lean on when in the 30 seconds something
    is heard, of which Whisper's features tell a little, too."""
    mean_D, mean_K = x_ND.mean(0), y_NK.mean(0)
    x_ND = (x_ND - mean_D).astype(np.float64)
    weights_DK = np.linalg.solve(x_ND.T @ x_ND + stiffness * np.eye(x_ND.shape[1]), x_ND.T @ (y_NK - mean_K))
    return lambda z_MD: (z_MD - mean_D) @ weights_DK + mean_K


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "whisper", lambda: make(plan), lambda made, n, p: save(made, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
