"""Reads what a companion is painted from out of a row's files, and writes what was painted to files again.

F frames of H by W pixels, P features of A numbers.
"""

import io
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from models.audio.whisper import Whisper
from models.audio.windows import padded_with_silence
from models.companions.painter import Clip
from models.companions.painter import Companion as Painted
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_flac, encode_video
from tasks.companion.config import CompanionConfig
from tasks.companion.rows import CompanionInput
from tasks.companion.sound import RATE, NoSound, joined_sound
from tasks.facemask import visible_mask
from tasks.hearing import loudness_db
from tasks.masks import unpack
from tasks.pair_drawing import poster
from tasks.stage import Rejected

FPS = 25.0


@dataclass(frozen=True)
class Prepared:
    """A clip that can be painted, and the sound it is to speak."""

    id: str
    clip: Clip
    sound: np.ndarray


def prepared(row: CompanionInput, config: CompanionConfig, whisper: Whisper) -> Prepared | Rejected:
    """Returns a clip ready to be painted, or why there is no pair."""
    rgb_FHWC, paint_FHW = clip_and_mask(row)
    if not paint_FHW.any():
        return Rejected(
            row.id, "hidden_face", "no pixel of the face is visible in any frame: there is nothing to paint"
        )
    flacs = (row.partner_audio, row.second_audio, row.third_audio)
    try:
        sound = joined_sound(flacs, row.start / FPS, len(rgb_FHWC) / FPS)
    except NoSound as error:
        return Rejected(row.id, "partner_no_sound", f"{error} ({row.partner})")
    if (loud := loudness_db(sound)) < config.quiet_db:
        return Rejected(
            row.id,
            "partner_silent",
            f"the sound of {row.partner} is {loud:.0f} dBFS, below {config.quiet_db:g}: its lips would stand still",
        )
    clip = Clip(
        rgb_FHWC,
        paint_FHW,
        _heard(sound, len(rgb_FHWC), config, whisper),
        _seed(row, config),
    )
    return Prepared(row.id, clip, sound)


def clip_and_mask(row: CompanionInput) -> tuple[np.ndarray, np.ndarray]:
    """Returns the clip's frames, uint8 (F, H, W, 3), and what of its face is seen, bool (F, H, W)."""
    if row.fps != FPS:
        raise ValueError(
            f"clip {row.id} has {row.fps:g} frames a second, companions {FPS:g}: set ingest.fps=25"
        )
    rgb_FHWC = frames_of(row.video)
    face_FHW, occluded_FHW = unpack(row.face_masks), unpack(row.occluder_masks)
    for mask_FHW in (face_FHW, occluded_FHW):
        if mask_FHW.shape != rgb_FHWC.shape[:3]:
            raise ValueError(
                f"clip {row.id} is {rgb_FHWC.shape[:3]} (frames, height, width), its masks are {mask_FHW.shape}; make "
                "them again from this clip"
            )
    return rgb_FHWC, visible_mask(face_FHW, occluded_FHW)


def files_of(made: Painted, sound: np.ndarray, crf: int) -> dict[str, Any]:
    """Returns the columns of a companion that hold bytes."""
    return {
        "companion_video": encode_video(None, made.rgb_FHWC, FPS, sound, RATE, crf=crf),
        "companion_audio": encode_flac(sound, RATE),
        "poster": poster(made.clip.rgb_FHWC, made.clip.paint_FHW, made.rgb_FHWC),
    }


def frames_of(video: bytes) -> np.ndarray:
    """Decodes all frames of a clip, uint8 (F, H, W, 3)."""
    with open_media(io.BytesIO(video)) as media:
        return np.stack(list(decode_video(media)))


def _heard(sound: np.ndarray, frames: int, config: CompanionConfig, whisper: Whisper) -> np.ndarray:
    """As long as the last segment, which may reach past the clip: silence follows."""
    covered = frames + config.segment
    return _flat(whisper.features(padded_with_silence(sound, covered).astype(np.float32)))


def _flat(heard_PLD: np.ndarray) -> np.ndarray:
    return heard_PLD.reshape(len(heard_PLD), -1)


def _seed(row: CompanionInput, config: CompanionConfig) -> int:
    text = f"{config.seed} {row.id} {row.partner} {row.start}"
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big")
