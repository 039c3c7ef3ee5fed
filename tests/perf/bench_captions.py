"""How many clips a second the captions stage asks about on one core, in a batch and one by one."""

import time

import torch

from models.mini.world_clips import make_clip
from storage.media.encode import encode_video
from storage.store import Store
from tasks.captions import Captions, CaptionsInput
from tests.perf.line import Line, Say

CLIPS, FRAMES = 24, 50


def lines(say: Say) -> list[Line]:
    say(f"{CLIPS} clips of {FRAMES} frames at 64 pixels, half of them occluded, with mini:captioner")
    torch.set_num_threads(1)
    stage = Captions()
    stage.setup(Store())
    rows = [_row(person) for person in range(CLIPS)]
    stage(rows[:2])  # the first call compiles
    batched, single = _spent(stage, [rows]), _spent(stage, [[row] for row in rows])
    began = time.process_time()
    for row in rows:
        stage._sampled(row)
    decode = time.process_time() - began
    return [
        Line("clips/s/core, in one batch", CLIPS / batched, at_least=4),
        Line("  one by one", CLIPS / single),
        Line("  batched over single", single / batched, "x", at_least=1),
        Line("  share of time in decode", 100 * decode / batched, " %"),
    ]


def _row(person: int) -> CaptionsInput:
    clip = make_clip(3, person, FRAMES, occluded=0.5)
    return CaptionsInput(f"c{person}", FRAMES, 25.0, encode_video(None, clip.rgb_FHWC, 25))


def _spent(stage: Captions, batches: list[list[CaptionsInput]]) -> float:
    began = time.process_time()
    for batch in batches:
        stage(batch)
    return time.process_time() - began
