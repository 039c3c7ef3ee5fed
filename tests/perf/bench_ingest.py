"""What `ingest` costs over the least that anybody pays who decodes, scales and encodes the same source,
how many cuts it finds, and the memory it takes.

    python -m tests.perf ingest

For the cost the face is "found" by a back-end that takes no time, and the tracker's time, which is that of the
pictures it looks at, is told apart. Cuts are found with the face models of the default recipe, and are where
clips end. Memory is that of a process of its own, over all parts of a long source.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from infra.engine.memory import Trim
from models.faces import load_face
from storage.media.container import open_media
from storage.media.decode import decode_audio
from storage.media.encode import VideoWriter, encode_video
from storage.store import Store
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.ingest.tally import Tally
from tasks.probe import Probe
from tests.footage import BACK, Still, draw, input_of
from tests.media_files import narrow, source_of
from tests.perf.cuts import Found, footage, scenedetect, scored
from tests.perf.line import Line, Say

SECONDS, ROUNDS = 6, 2
PERIOD = 50
SIZES = (512, 64)
LONG_S, LOOP_S = 1200, 20
SMALL = (120, 80)
"""Of the long source: what memory might grow with is its frames and clips, which cost least like this."""
MOST_MIB = 1536


def lines(say: Say) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        found = costs(say, home)
        say(f"cuts, and beside them memory over {LONG_S / 60:.0f} minutes")
        once = source(home / "short.mp4", SMALL, LOOP_S)
        runs = [measuring(once), measuring(repeated(once, home / "long.mp4", LONG_S // LOOP_S))]
        found += cuts_found(home)
        short, longer = (mib(run) for run in runs)
    what = f"memory, {LONG_S / 60:.0f} min {SMALL[0]}x{SMALL[1]}"
    return [
        *found,
        Line(what, longer, " MiB", at_most=MOST_MIB),
        Line(f"  more than for {LOOP_S} s", longer - short, " MiB", at_most=64),
    ]


def costs(say: Say, home: Path) -> list[Line]:
    path, found = source(home / "a.mp4", (1280, 720), SECONDS), []
    for size in SIZES:
        say(f"1280x720, {SECONDS} s, to {size}x{size}, {ROUNDS} times")
        ours, tracker, least = (1000 * seconds / SECONDS for seconds in cost(path, size))
        note = f"{ours:.0f}/{least:.0f} ms/s"
        found += [
            Line(f"{size} px, CPU over floor", ours / least, "x", at_most=1.6, note=note),
            Line("  its tracker's pictures", tracker, " ms/s", note="apart"),
        ]
    return found


def cuts_found(home: Path) -> list[Line]:
    """Of two-shot videos and of lively takes without a cut."""
    ingest, videos = stage(64, min_seconds=0.3, max_seconds=600, faces="largest"), list(footage(home))
    ingest.face = load_face("mini", "mini:face")

    def ours(path: Path) -> list[int]:
        return sorted(round(25 * clip.start_s) for clip in ingest.clips(input_of(path), Tally()))[1:]

    found = [_cuts_line("cuts found, F1", scored(videos, ours), at_least=0.85)]
    seconds = sum(video.frames for video in videos) / 25
    note = "256x192"
    found.append(Line("  its tracker, mini", 1000 * ingest.tracker_s / seconds, " ms/s", note=note))
    for name in ("AdaptiveDetector", "ContentDetector"):
        found.append(_cuts_line(f"  {name}", scored(videos, scenedetect(name))))
    return found


def _cuts_line(what: str, by_kind: dict[str, Found], at_least: float | None = None) -> Line:
    total, jumps = by_kind[""], by_kind["jump"]
    note = f"{total.right}/{total.cuts}, false {total.false}, jumps {jumps.right}"
    return Line(what, total.f1, at_least=at_least, note=note)


def source(path: Path, size: tuple[int, int], seconds: int) -> Path:
    """A face that sways before a wall with grain; the noise of a camera on all of it."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 2, (size[1], size[0], 3), np.uint8) for _ in range(8)]
    wall = np.kron(rng.integers(0, 40, (size[1] // 20, size[0] // 20, 3)), np.ones((20, 20, 1))).astype(
        np.uint8
    )
    sways = 0.1 * size[0] * np.sin(np.arange(PERIOD) * 2 * np.pi / PERIOD)
    drawn = [draw(size, [(size[0] / 2 + x, size[1] / 2, size[1] * 0.5)]) for x in sways]
    drawn = [np.where((rgb == BACK).all(2, keepdims=True), wall + 40, rgb).astype(np.uint8) for rgb in drawn]
    frames = (drawn[t % PERIOD] + noise[t % 8] for t in range(seconds * 25))
    tone = 0.3 * np.sin(np.arange(seconds * 16000) / 9).astype(np.float32)
    encode_video(path, frames, 25, tone)
    return path


def repeated(path: Path, target: Path, times: int) -> Path:
    """The same packets again and again: hours of video in seconds."""
    with av.open(str(target), "w") as out:
        streams: dict = {}
        last: dict = {}
        for turn in range(times):
            with av.open(str(path)) as part:
                for stream in part.streams:
                    if stream.type not in streams:
                        streams[stream.type] = out.add_stream_from_template(stream)
                for packet in part.demux():
                    if packet.dts is not None:
                        shift = round(turn * LOOP_S / float(packet.time_base))
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        kind = packet.stream.type
                        if packet.dts > last.get(kind, -np.inf):
                            last[kind], packet.stream = packet.dts, streams[kind]
                            out.mux(packet)
    return target


def stage(size: int, **config: Any) -> Ingest:
    made = Ingest(IngestConfig(size=size, identity_model="", **config))
    made.store, made.face, made.identity = Store(), Still(), None
    return made


def cost(path: Path, size: int) -> list[float]:
    """CPU seconds: ours but the tracker's, the tracker's, and the floor's; each the least of all rounds."""
    row, best = input_of(path), [float("inf")] * 3
    for _ in range(ROUNDS):
        ingest, begun = stage(size), time.process_time()
        assert sum(clip.frames for clip in ingest.clips(row, Tally())) == SECONDS * 25
        middle = time.process_time()
        floor(path, size)
        took = middle - begun - ingest.tracker_s, ingest.tracker_s, time.process_time() - middle
        best = [min(pair) for pair in zip(best, took, strict=True)]
    return best


def floor(path: Path, size: int) -> None:
    config = IngestConfig()
    with open(path, "rb") as file, open_media(file) as media:
        sound = decode_audio(media).samples
    writer = VideoWriter(None, 25, crf=config.crf, preset=config.preset, rate=16000)
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        scaler = VideoReformatter()
        for frame in container.decode(video=0):
            how = Interpolation.BICUBIC
            writer.write(scaler.reformat(frame, width=size, height=size, interpolation=how, threads=1))
    writer.finish(sound)


def measuring(path: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.perf.bench_ingest", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def mib(run: subprocess.Popen) -> float:
    out, _ = run.communicate()
    assert run.returncode == 0, f"{run.args} ended with {run.returncode}"
    return float(out)


def streamed(path: str) -> None:
    """All parts of it through one worker, whose clips go as they come."""
    probe = Probe()
    probe.setup(Store())
    (probed,) = probe([source_of(path)])
    ingest, trim, seconds = stage(64), Trim(), 0.0
    for row in probed.rows:
        seconds += sum(clip.frames / clip.fps for clip in ingest.clips(narrow(IngestInput, row), Tally()))
        trim()  # as a worker does after each item
    assert seconds > 0.95 * probed.rows[0].duration_s, f"{seconds:.0f} s of clips"


if __name__ == "__main__":
    streamed(sys.argv[1])
    # Not getrusage, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
