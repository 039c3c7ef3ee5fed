"""Turns an open pair into scores, by the measures of models/pairs: what a row of `pairscores` says, column by column."""

from typing import TYPE_CHECKING, Any

import numpy as np

from models.faces.face import Embedder, FaceBackend
from models.pairs.kept_pixels import psnr_within
from models.pairs.mouth_distance import mouth_distances, without_noise
from models.pairs.over_time import colour_drift, flicker, seam
from models.pairs.resemblance import resemblances
from tasks.pairscores.faces import PairFaces
from tasks.pairscores.frames import OpenPair, Refused

if TYPE_CHECKING:
    from models.sync.syncnet import SyncNet


def likeness_scores(pair: OpenPair, embedder: Embedder, frames: int) -> dict[str, Any]:
    """Scores who it is, and says how far the head is turned, which is what makes that hard to tell."""
    five_F52, seen_F = pair.track.five_T52, pair.track.score_T > 0
    alike_N = resemblances(embedder, pair.clip_FHWC, pair.made_FHWC, five_F52, frames)
    yaw_N = np.abs(pair.track.pose_T3[seen_F, 0])
    yaw_N = yaw_N[np.isfinite(yaw_N)]
    if not len(alike_N) or not len(yaw_N):
        raise Refused("no_face", "no frame of the clip's track has finite points of a face")
    return {
        "identity": float(alike_N.mean()),
        "identity_least": float(alike_N.min()),
        "yaw": float(np.median(yaw_N)),
    }


def lip_scores(faces: PairFaces, face: FaceBackend) -> dict[str, Any]:
    """Scores how far apart the mouths are, and how far apart errors alone would bring them."""
    parts = face.mouth, face.steady
    apart_F = mouth_distances(faces.clip_FK2, faces.made_FK2, faces.five_F52, *parts)
    part = slice(faces.first, faces.first + len(faces.again_NK2))
    noise_F = mouth_distances(faces.clip_FK2[part], faces.again_NK2, faces.five_F52[part], *parts)
    if not np.isfinite(noise_F).any():
        raise Refused("face_lost", "the clip's face is no longer found after the clip is encoded once more")
    noise = float(np.nanmean(noise_F))
    return {
        "lip_distance": without_noise(float(np.nanmean(apart_F)), noise),
        "lip_noise": noise,
        "lost_share": faces.lost_share,
    }


def sync_scores(pair: OpenPair, net: "SyncNet | None") -> dict[str, float | None]:
    """Scores lips and sounds of both halves; None without a SyncNet, without a sound, or with too few frames."""
    from models.sync.mfcc import PIECE
    from models.sync.syncnet import FPS, SHORTEST, distances, judge

    scores: dict[str, float | None] = dict.fromkeys(("sync_clip", "sync_companion", "sync_crossed"))
    if net is None or pair.fps != FPS or len(pair.clip_FHWC) < SHORTEST:
        return scores
    five_F52 = _bridged(pair.track.five_T52)
    clip_ND, made_ND = (net.lips(rgb_FHWC, five_F52) for rgb_FHWC in (pair.clip_FHWC, pair.made_FHWC))
    # As long as the last frame's window is.
    heard_ND = net.sounds(np.pad(pair.made_sound, (0, PIECE)))
    scores["sync_companion"] = judge(distances(made_ND, heard_ND)).confidence
    if pair.clip_sound is not None:
        own_ND = net.sounds(np.pad(pair.clip_sound, (0, PIECE)))
        scores["sync_clip"] = judge(distances(clip_ND, own_ND)).confidence
        scores["sync_crossed"] = judge(distances(made_ND, own_ND)).confidence
    return scores


def _bridged(five_F52: np.ndarray) -> np.ndarray:
    """Points of frames that have none lie between those of the nearest frames that have some."""
    known_F = np.isfinite(five_F52).all((1, 2))
    frames = np.arange(len(five_F52))
    rows = [np.interp(frames, frames[known_F], value_N) for value_N in five_F52[known_F].reshape(-1, 10).T]
    return np.stack(rows, 1).reshape(-1, 5, 2)


def pixel_scores(pair: OpenPair) -> dict[str, float | None]:
    """Scores what was to stay as it was, and how the painted part goes on over time."""
    clip_FHWC, made_FHWC, painted_FHW = pair.clip_FHWC, pair.made_FHWC, pair.painted_FHW
    return {
        "outside_db": psnr_within(clip_FHWC, made_FHWC, ~pair.face_FHW),
        "occluder_db": psnr_within(clip_FHWC, made_FHWC, pair.face_FHW & pair.occluded_FHW),
        "seam": seam(made_FHWC, painted_FHW, pair.borders),
        "flicker": flicker(made_FHWC, clip_FHWC, painted_FHW),
        "colour_drift": colour_drift(made_FHWC, clip_FHWC, painted_FHW),
    }
