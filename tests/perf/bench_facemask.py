"""How fast faces are fitted and masks are drawn, on one core, and what the masks take.

python -m tests.perf facemask
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np

from models.heads.fit import TrackedFace
from models.heads.masks import dilated, filled
from models.heads.mini import MiniHead
from models.heads.smoothing import smoothed
from models.mini.world_clips import Clip, make_clip
from storage.media.encode import encode_video
from storage.store import Store
from tasks.facemask import FaceMask, FaceMaskConfig, FaceMaskInput, FaceMaskRow
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.ingest.track_data import TrackData
from tasks.masks import pack
from tasks.probe import Probe
from tasks.stage import Expanded
from tests.media_files import DATA, narrow, source_of
from tests.perf.line import Line, Say

CLIPS, FRAMES = 6, 75
SIZES = (64, 512)
MODEL = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"


def lines(say: Say) -> list[Line]:
    say(f"the stage on {CLIPS} clips of {FRAMES} frames, then its parts at {SIZES[0]} and {SIZES[1]} pixels")
    clips = [make_clip(1, person, FRAMES) for person in range(CLIPS)]
    head = MiniHead("mini:head")
    head.fit(TrackedFace(clips[0].rgb_FHWC, clips[0].five_F52))  # compiles
    fit_s = _seconds(lambda: [head.fit(TrackedFace(clip.rgb_FHWC, clip.five_F52)) for clip in clips])
    stage_s, rows = _stage(clips)
    found = [
        Line("stage, 64 px, frames/s/core", CLIPS * FRAMES / stage_s, at_least=100),
        Line("  of it, fitting", 100 * fit_s / stage_s, " %"),
        Line("  bytes a frame, face mask", sum(len(row.face_masks) for row in rows) / CLIPS / FRAMES),
        Line("  bytes a frame, fit", sum(len(row.head_fit) for row in rows) / CLIPS / FRAMES),
    ]
    return found + [_mask_line(head, clips[0], side) for side in SIZES] + _real(say)


def _real(say: Say) -> list[Line]:
    """Real people by MediaPipe, where it and footage are to be had."""
    if not (MODEL.is_file() and find_spec("mediapipe")):
        return []
    say("real clips, cut at 256 pixels, by MediaPipe")
    ingest = Ingest(IngestConfig(face="mediapipe", face_model=str(MODEL), identity_model="", size=256))
    masker = FaceMask(FaceMaskConfig(head="mediapipe", head_model=str(MODEL)))
    for stage in (probe := Probe(), ingest, masker):
        stage.setup(Store())
    listed = probe([source_of(path) for path in sorted((DATA / "clips").glob("*.mpg"))])
    cut = ingest([narrow(IngestInput, row) for source in listed for row in source.rows])
    clips = [clip for one in cut if isinstance(one, Expanded) for clip in one.rows]
    bare = [SimpleNamespace(occluder_masks=pack(np.zeros((c.frames, 256, 256), bool))) for c in clips]
    rows = [narrow(FaceMaskInput, clip, none) for clip, none in zip(clips, bare, strict=True)]
    spent = _seconds(lambda: masker(rows))
    masker.head.close()  # type: ignore[attr-defined]
    ingest.face.close()  # type: ignore[attr-defined]
    count = sum(clip.frames for clip in clips)
    return [
        Line("MediaPipe, real faces at 256 px", 1000 * spent / count, " ms/frame", note=f"{count} frames")
    ]


def _mask_line(head: MiniHead, clip: Clip, side: int) -> Line:
    surface = head.face(smoothed(head.fit(TrackedFace(clip.rgb_FHWC, clip.five_F52)), 1.5), 0.4, side)
    mask_FHW = filled(surface, side)
    drawn = _seconds(lambda: filled(surface, side))
    widened = _seconds(lambda: dilated(mask_FHW, side // 50))
    note = f"{len(surface.triangles_T3)} triangles; widening {1000 * widened / FRAMES:.2f} ms"
    return Line(f"mask of the mesh, {side} px, frames/s", FRAMES / drawn, note=note)


def _stage(clips: list[Clip]) -> tuple[float, list[FaceMaskRow]]:
    stage = FaceMask()
    stage.setup(Store())
    rows = [_row(clip) for clip in clips]
    stage(rows[:1])
    began = time.process_time()
    made = stage(rows)
    return time.process_time() - began, [row for row in made if isinstance(row, FaceMaskRow)]


def _row(clip: Clip) -> FaceMaskInput:
    five, ones, threes = clip.five_F52, np.ones(FRAMES), np.zeros((FRAMES, 3))
    track = TrackData(five, five, threes, ones, ones, ones, threes, ones)
    video = encode_video(None, clip.rgb_FHWC, 25, crf=16)
    return FaceMaskInput("c", video, track.to_bytes(), pack(clip.occluder_FHW))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
