"""What footage of real people costs by the recipe `real`, beside the way that is common today: folder to folder.

    python -m tests.perf real

Today's way resamples each video, splits it at its shots, cuts it into pieces, then finds landmarks on every frame for a
crop, and again on every frame for masks; each step reads a folder and writes the next. It is given redub's own decoder,
encoder and networks, and the encoder's quick preset, so what differs is how the work is laid out. Both hear the sound by
the same Whisper. It judges nothing, and scores nothing. Needs the real clips that tests use
and the recipe's weights (`redub models pull --recipe real`); without them the part is left out.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import scenedetect

from flows.recipe_weights import references_of
from flows.recipes import RECIPES
from flows.run.graph import stages_of
from models.audio.whisper import Whisper
from models.faces import load_face
from models.faces.warp import turned_square, warp
from models.weights.references import ModelError, resolve
from storage.ledger.table import Status
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from tasks.stage import Stage
from tests.media_files import DATA
from tests.perf.bench_ingest import floor
from tests.perf.line import Line, Say
from tests.toy.inline import run_inline

CLIPS = ("bbaf2n.mpg", "pwij3p.mpg", "lbax4n.mpg", "lbbc2a.mpg", "id2_vcd_swwp2s.mpg", "retalking_5.mp4")
"""25 frames a second, one person each, who speaks."""
SIDE, FPS, PIECE_S, MARGIN = 512, 25, 5, 1.85
SHOWN = 5
"""Stages of which the share is told."""
REAL = RECIPES["real"]


def lines(say: Say) -> list[Line]:
    if reason := _missing():
        say(reason)
        return []
    videos = [DATA / "clips" / name for name in CLIPS]
    with tempfile.TemporaryDirectory() as cold, tempfile.TemporaryDirectory() as folder:
        say("one video each, to load compiled code")
        recipe(videos[:1], Path(cold))
        today(videos[:1], Path(cold))
        home = Path(folder)
        seconds = sum(_seconds(path) for path in videos)
        say(f"the recipe real, {len(videos)} videos of {seconds:.0f} s")
        spent_on, accepted = recipe(videos, home)
        say("today's way")
        theirs = spent(lambda: today(videos, home))
        least = spent(lambda: [floor(path, SIDE) for path in videos])
    ours = sum(spent_on.values())
    note = f"{ours / seconds:.2f}/{theirs / seconds:.2f} CPU s/s"
    return [
        Line("real, CPU over today's way", ours / theirs, "x", at_most=0.5, note=note),
        Line("  over one decode, scale, encode", ours / least, "x", note=f"{least / seconds:.2f} CPU s/s"),
        *(Line(f"  of it {name}", 100 * spent_on[name] / ours, " %") for name in _costly(spent_on)),
        Line("  its clips that went through", accepted, ""),
    ]


def _costly(spent_on: Mapping[str, float]) -> list[str]:
    return sorted(spent_on, key=lambda name: -spent_on[name])[:SHOWN]


def _missing() -> str:
    if not DATA.is_dir():
        return f"left out: no real clips at {DATA}"
    try:
        for reference in references_of(REAL):
            resolve(reference)
    except ModelError as error:
        return f"left out: {error}"
    return ""


def spent(work: Callable[[], object]) -> float:
    """CPU seconds."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def recipe(videos: Sequence[Path], home: Path) -> tuple[dict[str, float], int]:
    """CPU seconds of each stage, its models loaded; and how many clips the last one let through."""
    (home / "all.csv").write_text("\n".join(["uri", *map(str, videos)]))
    spent_on: dict[str, float] = {}
    stages = stages_of(REAL)
    for name, stage in stages.items():
        _time_calls(stage, name, spent_on)
    ran = run_inline(home / "all.csv", home / "catalog", stages, batch=4)
    accepted = ran.chosen["speakers"].states["status"].to_pylist().count(Status.OK)
    return spent_on, accepted


def _time_calls(stage: Stage, name: str, spent_on: dict[str, float]) -> None:
    """From then on what it computes is counted, and not what loads its models."""

    class Timed(type(stage)):  # type: ignore[misc]
        def __call__(self, *rows: Sequence) -> list:
            begun = time.process_time()
            try:
                return super().__call__(*rows)
            finally:
                spent_on[name] = spent_on.get(name, 0.0) + time.process_time() - begun

    stage.__class__ = Timed


# -- today's way ---------------------------------------------------------------------------------------


def today(videos: Sequence[Path], home: Path) -> None:
    """Each step reads a folder and writes the next one."""
    face, whisper = load_face(REAL.ingest.face, REAL.ingest.face_model), Whisper(REAL.hearing.whisper)
    for path in videos:
        (resampled := home / "resampled" / f"{path.stem}.mp4").parent.mkdir(exist_ok=True)
        encode_video(resampled, _frames(path), FPS, _sound(path))
        for n, shot in enumerate(_shots(resampled, home / "shots" / path.stem)):
            for m, piece in enumerate(_pieces(shot, home / "pieces" / f"{path.stem}-{n}")):
                (crop := home / "crops" / f"{path.stem}-{n}-{m}.mp4").parent.mkdir(exist_ok=True)
                encode_video(crop, _cropped(piece, face), FPS, _sound(piece))
                np.savez_compressed(crop.with_suffix(".npz"), masks=_masks(crop, face))
                np.save(crop.with_suffix(".npy"), whisper.features(_sound(crop)))


def _shots(path: Path, folder: Path) -> list[Path]:
    scenes = scenedetect.detect(str(path), scenedetect.ContentDetector())
    return _written(path, folder, [(a.seconds, b.seconds) for a, b in scenes] or [(0.0, _seconds(path))])


def _pieces(path: Path, folder: Path) -> list[Path]:
    starts = np.arange(0, max(_seconds(path) - 1, 1e-3), PIECE_S)
    return _written(path, folder, [(start, start + PIECE_S) for start in starts.tolist()])


def _written(path: Path, folder: Path, spans: Sequence[tuple[float, float]]) -> list[Path]:
    folder.mkdir(parents=True)
    frames, sound = list(_frames(path)), _sound(path)
    files = []
    for n, (start, end) in enumerate(spans):
        files.append(folder / f"{n}.mp4")
        part = slice(round(start * FPS), round(end * FPS))
        heard = sound[round(start * 16000) : round(end * 16000)]
        encode_video(files[-1], frames[part], FPS, heard)
    return files


def _cropped(path: Path, face) -> Iterator[np.ndarray]:
    for rgb_HWC in _frames(path):
        found = face.detect(rgb_HWC)
        box = found[0].box if found else (0.0, 0.0, *rgb_HWC.shape[1::-1])
        middle = box[0] + box[2] / 2, box[1] + box[3] / 2
        square_23 = turned_square(middle, MARGIN * max(box[2:]), 0.0, SIDE)
        yield warp(rgb_HWC, square_23, (SIDE, SIDE)).transpose(1, 2, 0).astype(np.uint8)


def _masks(path: Path, face) -> np.ndarray:
    """The square round each frame's face: a landmark pass, and no drawing to speak of."""
    masks = []
    for rgb_HWC in _frames(path):
        mask_HW = np.zeros(rgb_HWC.shape[:2], bool)
        for found in face.detect(rgb_HWC)[:1]:
            x, y, wide, high = (max(0, round(v)) for v in found.box)
            mask_HW[y : y + high, x : x + wide] = True
        masks.append(mask_HW)
    return np.stack(masks)


def _frames(path: Path) -> Iterator[np.ndarray]:
    with open(path, "rb") as file, open_media(file) as media:
        yield from decode_video(media, fps=FPS)


def _sound(path: Path) -> np.ndarray:
    with open(path, "rb") as file, open_media(file) as media:
        return decode_audio(media).samples


def _seconds(path: Path) -> float:
    return sum(1 for _ in _frames(path)) / FPS
