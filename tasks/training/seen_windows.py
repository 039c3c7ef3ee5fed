"""Training windows as a person sees and hears them: frames, what is painted, the sound, and where the face is.

F frames of H by W pixels, K points of the face.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.batches.place import Place
from storage.batches.windows import FPS, Windows
from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.ingest.track_data import TrackData

RATE = 16000


@dataclass(frozen=True)
class SeenWindow:
    """One window, whether or not it is stored as latents."""

    id: str
    rgb_FHWC: np.ndarray
    paint_FHW: np.ndarray
    """True where a generator paints."""
    lips_FHW: np.ndarray
    sound: np.ndarray
    """16 kHz, as long as the frames."""
    points_FK2: np.ndarray
    five_F52: np.ndarray
    opening_F: np.ndarray
    """How open the mouth is, as the clip's tracker saw it."""

    @property
    def clip(self) -> str:
        """The id of its clip."""
        return self.id.rpartition("@")[0]


def sounds(windows: Windows, places: Sequence[Place], frames: int) -> list[np.ndarray]:
    """The sound of each window, silence where the clip has no more."""
    stored = windows.blobs.whole("ingest", "audio", windows.rows("ingest", places))
    return [_cut(decoded(data), place.first, frames) for data, place in zip(stored, places, strict=True)]


def decoded(flac: bytes) -> np.ndarray:
    """The whole sound of a clip."""
    with open_media(io.BytesIO(flac)) as media:
        return decode_audio(media, rate=RATE).samples


def _cut(samples: np.ndarray, first: int, frames: int) -> np.ndarray:
    start, count = round(first / FPS * RATE), round(frames / FPS * RATE)
    own = samples[start : start + count]
    return np.pad(own, (0, count - len(own)))


@dataclass(frozen=True)
class SeenPair(SeenWindow):
    """One window of a pair."""

    companion_FHWC: np.ndarray
    """The same frames of the other half."""


def tracks(windows: Windows, places: Sequence[Place]) -> list[TrackData]:
    """Where the face is in each place's clip, all frames of it."""
    stored = windows.blobs.whole("ingest", "track_data", windows.rows("ingest", places))
    return [TrackData.from_bytes(data) for data in stored]
