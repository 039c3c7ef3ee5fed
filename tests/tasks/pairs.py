"""Pairs of the procedural world as rows of `pairscores`: the rendered pair is the right answer."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.faces import load_face
from models.mini.generator.people import FPS, Pair, film
from models.world.body.head import head
from storage.media.encode import encode_flac, encode_video
from tasks.ingest.track_data import TrackData
from tasks.masks import pack
from tasks.pairscores import PairScoresInput

RATE = 16000
CLIP_CRF, CRF = 16, 12
"""As a rebuild encodes clips, and companions."""


def pair_row(person: int, clear: bool | None = True, **changes: Any) -> PairScoresInput:
    """The clip of one of the world's people, and a companion that is perfect."""
    pair = film(person, clear=clear)
    clip_FHWC, made_FHWC = pair.rgb_2FHWC
    hidden_FHW = np.zeros(clip_FHWC.shape[:3], bool) if clear else _hidden(pair)
    row = PairScoresInput(
        id=f"c{person}",
        companion_video=encode_video(None, made_FHWC, FPS, crf=CRF),
        companion_audio=encode_flac(_sound(pair, 1), RATE),
        origin="generated",
        starts=[0],
        motion=5,
        face_masks=pack(pair.paint_2FHW[0] | hidden_FHW),
        occluder_masks=pack(hidden_FHW),
        video=encode_video(None, clip_FHWC, FPS, crf=CLIP_CRF),
        audio=encode_flac(_sound(pair, 0), RATE),
        track_data=track_of(pair).to_bytes(),
    )
    return replace(row, **changes)


def _hidden(pair: Pair) -> np.ndarray:
    """What is in front of the face: within its outline, not painted."""
    painted_FHW = pair.paint_2FHW[0]
    filled_FHW = (
        np.maximum.accumulate(painted_FHW, 1) & np.maximum.accumulate(painted_FHW[:, ::-1], 1)[:, ::-1]
    )
    return filled_FHW & ~painted_FHW


def _sound(pair: Pair, which: int) -> np.ndarray:
    said = pair.said[which]
    return said.sound[said.start * RATE // FPS :][: len(pair.rgb_2FHWC[0]) * RATE // FPS]


def track_of(pair: Pair) -> TrackData:
    """The clip's true points, in the order of mini:face."""
    names = head().landmark_names
    order = [names.index(name) for name in load_face("mini", "mini:face").names]  # type: ignore[attr-defined]
    points_TK2 = pair.landmarks_2FL2[0][:, order]
    frames = len(points_TK2)
    return TrackData(
        points_TK2=points_TK2,
        five_T52=pair.landmarks_2FL2[0][:, head().five()],
        pose_T3=np.full((frames, 3), -12.0),
        opening_T=np.zeros(frames),
        width_T=np.ones(frames),
        score_T=np.ones(frames),
        square_T3=np.zeros((frames, 3)),
        change_T=np.zeros(frames),
    )
