"""What `ingest` costs over the least that anybody pays who decodes, scales and encodes the same source.

    python -m tests.perf ingest

The face is "found" by a back-end that takes no time, so that what is measured is all but the face models.
Memory is that of a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from storage.encode import VideoWriter, encode_video
from storage.media import decode_audio, open_media
from storage.store import Store
from tasks.footage.spans import Tally
from tasks.ingest import Ingest, IngestConfig
from tests.footage import BACK, Still, draw, input_of
from tests.perf.line import Line, Say

SECONDS, ROUNDS = 20, 2
PERIOD = 50
SIZES = (512, 64)
LONG_S, LOOP_S = 600, 20
MOST_MIB = 1536


def lines(say: Say) -> list[Line]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = source(Path(folder) / "a.mp4", (1280, 720), SECONDS)
        for size in SIZES:
            say(f"1280x720, {SECONDS} s, to {size}x{size}, {ROUNDS} times")
            ratio, ours = cost(path, size)
            note = f"{ours:.2f} CPU s per second of video"
            found.append(
                Line(f"clips of {size}, over decode+scale+encode", ratio, "x", at_most=1.6, note=note)
            )
        say(f"memory over {LONG_S / 60:.0f} minutes")
        short = peak_mib(source(Path(folder) / "short.mp4", (320, 180), LOOP_S))
        longer = peak_mib(repeated(Path(folder) / "short.mp4", Path(folder) / "long.mp4", LONG_S // LOOP_S))
        found.append(Line(f"most memory, {LONG_S / 60:.0f} min", longer, " MiB", at_most=MOST_MIB))
        found.append(Line("more than for 20 s", longer - short, " MiB", at_most=64))
    return found


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


def stage(size: int) -> Ingest:
    made = Ingest(IngestConfig(size=size, identity_model=""))
    made.store, made.face, made.identity = Store(), Still(), None
    return made


def cost(path: Path, size: int) -> tuple[float, float]:
    """Our CPU time over the floor's, and per second of video."""
    ingest, row = stage(size), input_of(path)
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        begun = time.process_time()
        assert sum(clip.frames for clip in ingest.clips(row, Tally())) == SECONDS * 25
        middle = time.process_time()
        floor(path, size)
        for i, seconds in enumerate((middle - begun, time.process_time() - middle)):
            best[i] = min(best[i], seconds)
    return best[0] / best[1], best[0] / SECONDS


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


def peak_mib(path: Path) -> float:
    command = [sys.executable, "-m", "tests.perf.bench_ingest", str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    for _clip in stage(64).clips(input_of(sys.argv[1]), Tally()):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
