"""The files that `redub dub` is given and writes: a clip and its new speech, decoded as a whole and not trusted."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.media.container import Media, MediaError, open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.sources import SourceError

FPS = 25
HEARD_HZ, PLAYED_HZ = 16000, 48000
"""The nets hear less than people do."""
LONGEST_S = 600
"""Of the sound, and so of the dubbing."""
MOST_BYTES = 4 << 30
"""Of decoded frames: 3.6 minutes of 512x512. What the VAE makes of them takes some times that."""
VIDEO, SPEECH = (
    "a clip of one face, as MP4, MOV or MKV",
    "the new speech, as WAV, FLAC, MP3 or the sound of a video",
)


@dataclass(frozen=True)
class Clip:
    """What is to be dubbed, decoded."""

    video: Path
    sound: Path
    frames: np.ndarray
    heard: np.ndarray
    played: np.ndarray

    @property
    def shorter(self) -> Path:
        """Frames are read as long as there is sound."""
        return self.video if len(self.frames) < len(self.heard) * FPS / HEARD_HZ else self.sound


def check_out(outs: list[Path], inputs: tuple[Path, ...]) -> None:
    for out in outs:
        if out.suffix.lower() != ".mp4":
            raise SourceError(
                f"{out} does not end in .mp4, and nothing else is written; call it {out.stem}.mp4"
            )
        if not out.parent.is_dir():
            raise SourceError(f"{out} cannot be written: there is no folder {out.parent}; make it first")
        if out.is_dir() or not os.access(out.parent, os.W_OK):
            raise SourceError(
                f"{out} cannot be written: it is a folder, or in one that is not yours; name another"
            )
        if out.exists() and any(one.exists() and out.samefile(one) for one in inputs):
            raise SourceError(f"{out} is what is to be dubbed, and would be lost; name another")


@contextmanager
def _opened(path: Path, wanted: str) -> Iterator[Media]:
    """Problems are told with the file's name, and what would be none."""
    if not path.is_file():
        raise SourceError(f"there is no file {path}; give {wanted}")
    try:
        with path.open("rb") as file, open_media(file) as media:
            yield media
    except (MediaError, OSError) as error:
        raise SourceError(f"{path} cannot be used: {error}; give {wanted}") from error


def _refuse_damaged(path: Path, damage: str) -> None:
    if damage:
        raise SourceError(f"{path} is damaged: {damage}; copy it again, or cut out what is whole")


def read_clip(video: Path, sound: Path) -> Clip:
    heard = _sound(sound, HEARD_HZ)
    frames = _frames(video, len(heard) / HEARD_HZ)
    return Clip(video, sound, frames, heard, _sound(sound, PLAYED_HZ))


def _sound(path: Path, rate: int) -> np.ndarray:
    with _opened(path, SPEECH) as media:
        audio = decode_audio(media, rate=rate, span=(0.0, LONGEST_S))
    if audio.nonfinite:
        raise SourceError(f"{path} holds {audio.nonfinite} samples that are NaN or infinite; export it again")
    _refuse_damaged(path, audio.damage)
    if not len(audio.samples):
        raise SourceError(f"{path} has no sample of sound that can be decoded; give {SPEECH}")
    return audio.samples


def _frames(path: Path, seconds: float) -> np.ndarray:
    """Those for which there is sound."""
    frames: list[np.ndarray] = []
    with _opened(path, VIDEO) as media:
        decoded = decode_video(media, fps=FPS, span=(0.0, seconds))
        for rgb in decoded:
            if rgb.nbytes * (len(frames) + 1) > MOST_BYTES or len(frames) + 1 == LONGEST_S * FPS:
                raise SourceError(
                    f"{path} is too long: {len(frames) / FPS:.2f} s are as much as memory is taken for at "
                    f"{rgb.shape[1]}x{rgb.shape[0]}; cut video and sound in pieces"
                )
            if frames and rgb.shape != frames[0].shape:
                raise SourceError(
                    f"{path} changes its size after {len(frames) / FPS:.2f} s; scale it to one size"
                )
            frames.append(rgb)
    _refuse_damaged(path, decoded.damage)
    if not frames:
        raise SourceError(f"{path} has no frame that can be decoded; give {VIDEO}")
    return np.stack(frames)


def write(out: Path, frames: Iterable[np.ndarray], sound: np.ndarray) -> None:
    """Whole or not at all. Through an open file, for a name may look like one of libav's protocols."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            encode_video(file, frames, FPS, sound, PLAYED_HZ)
        temporary.replace(out)
    except OSError as error:
        raise SourceError(f"{out} cannot be written: {error}; make room, or name another") from error
    finally:
        temporary.unlink(missing_ok=True)
