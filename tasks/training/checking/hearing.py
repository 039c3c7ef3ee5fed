"""Hears a few clips anew, and once more with a click in them: whether sound and frames belong together.

The click lies at the middle of a known frame, in a copy of the clip's own sound. Of all latent frames, the window
of that frame's has to change most. P positions, 50 a second; L layers of D numbers; F latent frames, N features of
each, A numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.audio.whisper import Whisper
from models.audio.windows import (
    FPS,
    FRAMES_PER_LATENT,
    RATE,
    frames_of_latents,
    padded_with_silence,
    windows_of_latents,
)
from storage.batches.place import Place
from storage.batches.windows import Windows
from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn
from tasks.training.checking.rounding import HALF, OTHER_DEVICE, distances, farther
from tasks.training.seen_windows import decoded

APART_S = 0.2
"""Sound and picture of a file never end at the very same time: packets of sound are 20 to 60 ms."""
CLICK = 16
"""Samples: a millisecond."""


@dataclass(frozen=True)
class Heard:
    """One window, and the sound of its clip."""

    id: str
    first: int
    """Frame of the clip that the window begins with."""
    frames: int
    """Of the whole clip."""
    sound: np.ndarray
    """As it is stored."""

    @property
    def fitted(self) -> np.ndarray:
        """As long as the picture: so the stage hears it."""
        return padded_with_silence(self.sound, self.frames)[: round(self.frames / FPS * RATE)]


def listened(windows: Windows, places: Sequence[Place]) -> list[Heard]:
    """Reads the sound of these windows' clips."""
    stored = windows.blobs.whole("ingest", "audio", windows.rows("ingest", places))
    return [
        Heard(
            f"{windows.clips[place.clip].as_py()}@{place.first}",
            place.first,
            windows.count("ingest_frames", place),
            decoded(data),
        )
        for place, data in zip(places, stored, strict=True)
    ]


def as_long(heard: Sequence[Heard]) -> Iterator[Finding]:
    """Whether the sound that is stored lasts as long as the frames."""
    apart = {one.id: len(one.sound) / RATE - one.frames / FPS for one in heard}
    rows = [name for name, seconds in apart.items() if abs(seconds) > APART_S]
    if rows:
        most = max(apart.values(), key=abs)
        yield warn(
            f"sound and picture differ in length by up to {abs(most):.2f} s ({first_of(rows)}): what is missing is "
            "heard as silence, what is too long is not heard",
            rows,
        )


def as_heard(heard: Sequence[Heard], audio_BFNA: Tensor, whisper: Whisper) -> Iterator[Finding]:
    """Whether stored features are what this Whisper hears at those frames. `audio_BFNA` is theirs."""
    made_BFNA = torch.stack(
        [
            _window(whisper.features(one.fitted), one.first, audio)
            for one, audio in zip(heard, audio_BFNA, strict=True)
        ]
    )
    off_B = distances(audio_BFNA, made_BFNA)
    names = [one.id for one in heard]
    wrong, unlike = (farther(names, off_B, than) for than in (OTHER_DEVICE, HALF))
    if wrong:
        yield refuse(
            f"stored features are not what is heard in {len(wrong)} of {len(heard)} windows ({first_of(wrong)}; off "
            f"by {max(off_B):.2g}): rebuild the stage hearing, or name the Whisper that it was made with",
            wrong,
        )
    elif unlike:
        yield warn(
            f"stored features differ from new ones by {max(off_B):.2g}, more than half precision rounds",
            unlike,
        )
    else:
        yield ok(f"stored features are what is heard, to {max(off_B):.1g} ({len(heard)} clips)")


def _window(heard_PLD: np.ndarray, first: int, audio_FNA: Tensor) -> Tensor:
    """What is heard at the latent frames of a window, laid out as a batch has it."""
    latents, features = audio_FNA.shape[:2]
    spread = (features // 2 - FRAMES_PER_LATENT) // 2
    near_FN = windows_of_latents(first, latents, len(heard_PLD), spread)
    return torch.from_numpy(heard_PLD[near_FN].reshape(latents, features, -1))


def in_step(heard: Sequence[Heard], latents: int, whisper: Whisper) -> Iterator[Finding]:
    """Whether a click at a frame changes the window of that frame most."""
    off = {one.id: _latents_off(one, latents, whisper) for one in heard}
    late = {name: most for name, most in off.items() if most}
    if late:
        yield refuse(
            f"a click at a frame is heard {max(late.values(), key=abs):+d} latent frames off in {len(late)} of "
            f"{len(heard)} clips ({first_of(list(late))}), so lips would be learnt out of step: take a Whisper that "
            "gives 50 features a second, from the sound's beginning on",
            list(late),
        )
    else:
        yield ok(f"a click at a frame is heard in the window of that frame ({len(heard)} clips)")


def _latents_off(one: Heard, latents: int, whisper: Whisper) -> int:
    """By how many latent frames a click is heard too late. It lies at the first, then at the last frame of the
    latent frame in the middle of the window: so one frame off is noticed, to either side."""
    middle = latents // 2
    shown_4 = frames_of_latents(one.first, latents)[middle]
    before_PLD = whisper.features(one.fitted)
    near_TN = windows_of_latents(one.first, latents, len(before_PLD), 0)
    off = []
    for frame in (shown_4[0], shown_4[-1]):
        moved_PLD = np.abs(whisper.features(clicked(one.fitted, frame)) - before_PLD)
        moved_P = moved_PLD.reshape(len(moved_PLD), -1).sum(1)
        off.append(int(moved_P[near_TN].sum(1).argmax()) - middle)
    return max(off, key=abs)


def clicked(sound: np.ndarray, frame: int) -> np.ndarray:
    """A copy with a click in the middle of a frame."""
    copy, at = sound.copy(), round((frame + 0.5) / FPS * RATE) - CLICK // 2
    copy[at : at + CLICK] += np.hanning(CLICK) * (-1.0) ** np.arange(CLICK)
    return copy
