"""How fast companions are made on one core: the stage, rows in and rows out, over the bare sampler on the same segments.

python -m tests.perf companion
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.companions.painter import Clip, Painter
from models.dit.inputs import Motion, grey_where_masked
from models.dit.painting import painted
from models.mini.companions.films import SOURCE, Film, film_of, load_whisper
from models.vae import decode_tiled, denormalised, encode_tiled, normalised
from storage.media.encode import encode_flac, encode_video
from storage.store import Store
from tasks.companion import Companion
from tasks.companion.stage import CompanionInput, CompanionRow
from tasks.masks import pack
from tests.perf.line import Line, Say

FIRST, CLIPS, FRAMES = 260, 2, 97
MANY, SHORT = 8, 25
"""Clips that may share a batch, and their frames: a segment each."""
LANES = (4, 8)
ROUNDS = 3
RATE = 16000


@dataclass(frozen=True)
class Segment:
    """What the bare sampler is given: arrays in memory."""

    masked: Tensor
    reference: Tensor
    before: Tensor | None
    sound: Tensor
    noise: Tensor


def lines(say: Say) -> list[Line]:
    say(f"{CLIPS} clips of {FRAMES} frames by the stage, and their segments by the bare sampler")
    torch.set_num_threads(1)
    whisper = load_whisper()
    films = [film_of(FIRST + n, whisper, FRAMES) for n in range(CLIPS)]
    stage = Companion()
    stage.setup(Store())
    rows, segments = [row_of(film) for film in films], list(_segments(stage.painter, films))
    stage_s, bare_s = quickest(lambda: made(stage, rows), lambda: bare(stage.painter, segments))
    pace = CLIPS * FRAMES / stage_s
    say(f"{MANY} clips of {SHORT} frames, one by one and {LANES} at once")
    return [
        Line("stage, 64 px, frames/s/core", pace),
        Line(
            "  over the bare sampler", bare_s / stage_s, "x", at_least=0.9, note=f"{len(segments)} segments"
        ),
        *_lanes(stage.painter, [film_of(FIRST + n, whisper, SHORT).to_paint(0) for n in range(MANY)]),
    ]


def made(stage: Companion, rows: Sequence[CompanionInput]) -> None:
    assert all(isinstance(row, CompanionRow) for row in stage(rows))


def row_of(film: Film) -> CompanionInput:
    """What the stage would read from the tables."""
    frames, pair = len(film.clip_FHWC), film.pair
    face_FHW, occluder_FHW = pair.paint_2FHW[SOURCE], pair.occluder_2FHW[SOURCE]
    video = encode_video(None, film.clip_FHWC, 25, crf=16)
    sound = encode_flac(film.sound, RATE)
    masks = pack(face_FHW), pack(occluder_FHW)
    return CompanionInput(f"c{pair.person}", "other", 0, frames, 25.0, video, *masks, sound, None, None)


@torch.inference_mode()
def bare(painter: Painter, segments: Sequence[Segment]) -> None:
    """No file, no mask, no colour, no seam: what is encoded, what is painted, and what is decoded."""
    vae, sampling = painter.vae, painter.settings.sampling
    for one in segments:
        z, own = (normalised(vae, encode_tiled(vae, video)) for video in (one.masked, one.reference))
        motion = None if one.before is None else Motion(normalised(vae, encode_tiled(vae, one.before)))
        z = painted(painter.dit, z, own[:, :, 0], one.sound, one.noise, sampling, motion)
        decode_tiled(vae, denormalised(vae, z))


def _segments(painter: Painter, films: Sequence[Film]) -> Iterator[Segment]:
    """As many as the stage paints; what is in them takes no other time."""
    cut = painter.settings.cut
    for film in films:
        for start in cut.starts(FRAMES):
            at = cut.frames_of(start, FRAMES)
            video = torch.from_numpy(film.clip_FHWC[at]).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
            paint = torch.from_numpy(film.pair.paint_2FHW[SOURCE][at])[None]
            before = video[:, :, : cut.motion] if start else None
            sound, noise = torch.randn(1, 7, 16, 96), torch.randn(1, 24, 7, 16, 16)
            yield Segment(grey_where_masked(video, paint), video[:, :, :1], before, sound, noise)


def _lanes(painter: Painter, clips: Sequence[Clip]) -> list[Line]:
    ways = [lambda lanes=lanes: painter.companions(clips, lanes) for lanes in (1, *LANES)]
    alone, *together = quickest(*ways)
    return [
        Line(f"  {lanes} clips at once, over one by one", alone / spent, "x")
        for lanes, spent in zip(LANES, together, strict=True)
    ]


def quickest(*ways: Callable[[], object]) -> list[float]:
    """CPU seconds of the quickest of some rounds; the ways take turns, so that a busy minute meets all of them."""
    spent = np.full((ROUNDS, len(ways)), np.inf)
    for each in spent:
        for number, way in enumerate(ways):
            begun = time.process_time()
            way()
            each[number] = time.process_time() - begun
    return spent.min(0).tolist()
