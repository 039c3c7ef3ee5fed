"""Scores what is heard with a clip: how loud, how much of it is speech or music, and whether it fits the lips."""

import io
from typing import Any

import numpy as np

from models.audio.activity import VoiceActivity
from storage.media.container import open_media
from storage.media.decode import Audio, decode_audio
from tasks.ingest.lip_sync import measure_lip_sync
from tasks.ingest.track_data import TrackData
from tasks.quality.music import beat, music_share
from tasks.quality.rows import SOUND_SCORES, QualityInput
from tasks.quality.speech import speech_share

WINDOW_S = 0.02
SILENT_DBFS = -50.0
NO_LOUDNESS = -120.0
"""Stands for the loudness of digital silence, which is minus infinity."""


def sound_scores(row: QualityInput, track: TrackData, activity: VoiceActivity | None) -> dict[str, Any]:
    """Scores of the sound; all None for a clip without a sound track. A network, if there is one, tells speech."""
    if row.audio is None:
        return dict.fromkeys(SOUND_SCORES)
    with open_media(io.BytesIO(row.audio)) as media:
        audio = decode_audio(media)
    power = _window_power(audio, row.frames / row.fps)
    loud = power[power > 10 ** (SILENT_DBFS / 10)]
    fit = measure_lip_sync(
        np.where(track.score_T > 0, track.opening_T, np.nan), audio.samples, row.fps, audio.rate
    )
    return {
        "loudness_db": float(10 * np.log10(loud.mean())) if len(loud) else NO_LOUDNESS,
        "silence_share": float(1 - len(loud) / len(power)),
        "clipping_share": float((np.abs(audio.samples) >= 0.999).mean()) if len(audio.samples) else 0.0,
        "speech_share": activity.speech_share(audio.samples)
        if activity
        else speech_share(audio.samples, audio.rate),
        "music_share": music_share(audio.samples, audio.rate),
        "beat": beat(audio.samples, audio.rate),
        "lip_strength": fit.strength,
        "lip_lag_frames": fit.lag_frames,
        "lip_lead": fit.lead,
    }


def _window_power(audio: Audio, seconds: float) -> np.ndarray:
    """Mean square of each 20 ms of the picture's time; time without sound is silence."""
    step = round(WINDOW_S * audio.rate)
    padded = np.zeros(max(1, round(seconds / WINDOW_S)) * step, np.float32)
    kept = audio.samples[: len(padded)]
    padded[: len(kept)] = kept
    return (padded.reshape(-1, step) ** 2).mean(axis=1)
