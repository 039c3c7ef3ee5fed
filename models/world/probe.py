"""Measures how much of the mouth is in the sound: a small net hears unseen speakers and tells their lips.

    python -m models.world.probe

prints R2 for opening, width and protrusion. It is the measure of the synthesis: a dubbing model can only
learn lips from sound where this probe can.
"""

import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.world.sound.speech import speak
from models.world.sound.voice import SAMPLE_RATE, make_voice, synthesise

LIPS = ("opening", "width", "protrusion")
RATE_HZ = 50
"""Rows of features, and of answers, per second."""
WINDOW = 400
BANDS = 64


@dataclass(frozen=True)
class Plan:
    """A run of the probe; every speaker says one thing."""

    speakers: int = 240
    unseen: int = 40
    seconds: float = 4.0
    sung: float = 0.15
    """The share of speakers who sing."""
    steps: int = 700
    batch: int = 16
    rate: float = 3e-3
    seed: int = 0


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Returns loudness in 64 mel bands, roughly -1..1, of the window around each t = row / 50 s: (T, 64)."""
    hop = SAMPLE_RATE // RATE_HZ
    padded = np.pad(samples, WINDOW // 2)
    pieces_TS = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop]
    power_TB = np.abs(np.fft.rfft(pieces_TS * np.hanning(WINDOW), 512, axis=1)) ** 2
    return ((np.log10(power_TB @ _bands_BM() + 1e-5) + 1.5) / 2).astype(np.float32)


def _bands_BM() -> np.ndarray:
    """Overlapping triangles, evenly spaced in mel."""
    hz_B = np.fft.rfftfreq(512, 1 / SAMPLE_RATE)
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    rising = (hz_B[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz_B[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


class LipReader(nn.Module):
    """Hears 1.2 s around a moment: enough to learn how long the speaker's tract is."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, channels, 5, padding=2)
        self.rest = nn.ModuleList(
            nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation)
            for dilation in (1, 2, 4, 8)
        )
        self.last = nn.Conv1d(channels, len(LIPS), 1)

    def forward(self, mel_NTM: Tensor) -> Tensor:
        heard_NCT = nn.functional.gelu(self.first(mel_NTM.transpose(1, 2)))
        for layer in self.rest:
            heard_NCT = heard_NCT + nn.functional.gelu(layer(heard_NCT))
        return self.last(heard_NCT).transpose(1, 2)


def utterances(plan: Plan) -> tuple[Tensor, Tensor]:
    """Makes sound as features and the lips that made it, a speaker a row: (N, T, 64) and (N, T, 3)."""
    rng = np.random.default_rng(plan.seed)
    heard, seen = [], []
    for _ in range(plan.speakers + plan.unseen):
        speech = speak(rng, plan.seconds, singing=bool(rng.random() < plan.sung))
        heard.append(log_mel(synthesise(speech, make_voice(rng), rng)))
        seen.append(speech.mouth(RATE_HZ, len(heard[-1])))
    return torch.from_numpy(np.stack(heard)), torch.from_numpy(np.stack(seen))


def train(mel_NTM: Tensor, lips_NT3: Tensor, plan: Plan) -> LipReader:
    """Trains the net on these speakers."""
    torch.manual_seed(plan.seed)
    net = LipReader()
    optimiser = torch.optim.AdamW(net.parameters(), plan.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps)
    for _ in range(plan.steps):
        chosen = torch.randint(len(mel_NTM), (plan.batch,))
        loss = nn.functional.mse_loss(net(mel_NTM[chosen]), lips_NT3[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net


def r2(net: LipReader, mel_NTM: Tensor, lips_NT3: Tensor) -> dict[str, float]:
    """Returns the share of each lip movement's variance that the net explains."""
    with torch.no_grad():
        wrong_3 = (net(mel_NTM) - lips_NT3).square().mean((0, 1))
    return dict(zip(LIPS, (1 - wrong_3 / lips_NT3.var((0, 1))).tolist(), strict=True))


def probe(plan: Plan) -> dict[str, float]:
    """Returns R2 of each lip movement, heard from speakers that the net never met."""
    mel_NTM, lips_NT3 = utterances(plan)
    net = train(mel_NTM[: plan.speakers], lips_NT3[: plan.speakers], plan)
    return r2(net, mel_NTM[plan.speakers :], lips_NT3[plan.speakers :])


if __name__ == "__main__":
    torch.set_num_threads(1)
    plan = Plan()
    sys.stdout.write(f"{'R2':<12}{plan.unseen} unseen speakers\n")
    for lip, explained in probe(plan).items():
        sys.stdout.write(f"{lip:<12}{explained:.3f}\n")
