"""Films strangers whose companions can be told right from wrong: the truth has the same movements and other lips.

F frames, P features of A numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.audio.whisper import LAST, Whisper
from models.audio.windows import padded_with_silence
from models.companions.painter import Clip
from models.mini.companions.codec import CLIP_CRF, through_a_file
from models.mini.generator.people import FPS, SEGMENT, Pair, Said, film
from models.world.sound.voice import SAMPLE_RATE

SOURCE, TRUTH = 1, 0
"""Which utterance of a pair the clip says, and which one its companion is to say."""
FRAMES = 97
"""Five segments of 25 frames with 5 in common."""


@dataclass(frozen=True)
class Film:
    """One stranger: the clip, and the truth about its companion."""

    pair: Pair
    clip_FHWC: np.ndarray
    """As a dataset has it: out of its file."""
    sound: np.ndarray
    """What the companion says, 16 kHz, as long as the picture."""
    heard_PA: np.ndarray

    @property
    def truth_FHWC(self) -> np.ndarray:
        return self.pair.rgb_2FHWC[TRUTH]

    def to_paint(self, seed: int) -> Clip:
        """The clip as a painter takes it; each seed is other noise."""
        seed = seed * 1_000_003 + self.pair.person
        return Clip(self.clip_FHWC, self.pair.paint_2FHW[SOURCE], self.heard_PA, seed)


def film_of(person: int, whisper: Whisper, frames: int = FRAMES) -> Film:
    """Films a stranger; one in three has something before the face."""
    return _heard(film(person, clear=person % 3 != 0, frames=frames), whisper)


def beginning(whole: Film, whisper: Whisper, frames: int) -> Film:
    """Returns the first frames of a film alone, as if no more had been filmed."""
    pair = whole.pair
    first, second = (replace(one, mouth_F3=one.mouth_F3[:frames]) for one in pair.said)
    shorter = replace(
        pair,
        said=(first, second),
        rgb_2FHWC=pair.rgb_2FHWC[:, :frames],
        paint_2FHW=pair.paint_2FHW[:, :frames],
        lips_2FHW=pair.lips_2FHW[:, :frames],
        occluder_2FHW=pair.occluder_2FHW[:, :frames],
        landmarks_2FL2=pair.landmarks_2FL2[:, :frames],
    )
    return _heard(shorter, whisper)


def load_whisper() -> Whisper:
    """What the mini generator hears with."""
    return Whisper("mini:whisper", (LAST,))


def _heard(pair: Pair, whisper: Whisper) -> Film:
    """The sound is cut to the clip before it is heard, and silence follows, as in the stage."""
    frames = pair.rgb_2FHWC.shape[1]
    sound = _cut(pair.said[TRUTH], frames)
    longest = frames + max(frames, SEGMENT)
    clip_FHWC = through_a_file(pair.rgb_2FHWC[SOURCE], CLIP_CRF)
    return Film(pair, clip_FHWC, sound, whisper.features(padded_with_silence(sound, longest))[:, 0])


def _cut(said: Said, frames: int) -> np.ndarray:
    from_to = slice(*(frame * SAMPLE_RATE // FPS for frame in (said.start, said.start + frames)))
    return said.sound[from_to].astype(np.float32)
