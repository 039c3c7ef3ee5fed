"""Sources of the demo: people of the procedural world, and files that are broken on purpose.

The broken ones are spoilt copies of good takes: each ends in a different way, which is what to look at.
"""

import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flows.demo.takes import write_file, write_manifest, write_take
from models.world.direct import make_scene
from models.world.render import render
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.media.renderer import WORLD
from storage.sources import list_sources
from storage.sources.takes import Take
from storage.store import Store
from tasks.render import FPS, Render, RenderConfig
from tasks.stage import Expanded
from tasks.world_take import WorldTake

RATE = 16000
PLAYLIST = "#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
SHORT = {"width": 128, "height": 96, "min_seconds": 1.2, "max_seconds": 1.6, "occluded": 0.0, "close": 1.0}
"""Settings of takes for a quick try."""
ODD_TAKE, ODD_NAME = "-000_01", "höflich grüßend 你好"
SEED = 14
"""With it the eight people of the demo fall into all three splits."""


@dataclass(frozen=True)
class Material:
    """What a broken file is spoilt from."""

    good: bytes
    frames: list[np.ndarray]
    sound: np.ndarray


def finish_corpus(folder: Path, lines: list[dict[str, Any]], broken: int | None = None) -> Path:
    """Adds the first `broken` of the bad files to rendered takes, and the manifest."""
    spoilt = []
    for i, name in enumerate(list(BROKEN)[:broken]):
        line = lines[i % len(lines)]
        good = (folder / line["uri"]).read_bytes()
        write_file(folder / name, BROKEN[name](_material(good)))
        spoilt.append(line | {"uri": name})
    write_manifest(folder, [*lines, *spoilt])
    return folder


def name_of(take: str) -> str:
    """Files are called as people call them: one take has a name that trips up careless programs."""
    return ODD_NAME if take.endswith(ODD_TAKE) else take


def make_corpus(
    folder: str | Path,
    people: int = 4,
    takes: int = 3,
    seed: int = 0,
    broken: int | None = None,
    **config: Any,
) -> Path:
    """The same without an engine, in this process: for a handful of videos."""
    stage = Render(RenderConfig(**config))
    sources = list_sources(f"world:people={people},takes={takes},seed={seed}", Store()).sources
    lines = []
    for expanded in stage(sources):
        assert isinstance(expanded, Expanded), expanded
        (row,) = expanded.rows
        named = vars(row) | {"name": name_of(row.name)}
        lines.append(write_take(Path(folder).parent, named, Path(folder).name))
    return finish_corpus(Path(folder), lines, broken)


def _material(good: bytes) -> Material:
    with open_media(io.BytesIO(good)) as media:
        frames = [rgb.copy() for rgb in decode_video(media, fps=FPS)]
        return Material(good, frames, decode_audio(media, rate=RATE).samples)


def _encoded(frames: Sequence[np.ndarray], sound: np.ndarray | None = None) -> bytes:
    return encode_video(None, frames, FPS, sound, RATE, renderer=WORLD)


def _wave(made: Material) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, len(made.sound), "NONE", ""))
        file.writeframes((made.sound * 32767).astype("<i2").tobytes())
    return out.getvalue()


def _cut(made: Material) -> bytes:
    """Half of the take, then its beginning again: a cut in the middle of a sentence."""
    half = len(made.frames) // 2
    return _encoded([*made.frames[:half], *made.frames[:half]], made.sound)


def _empty_room(made: Material) -> bytes:
    count, (height, width) = len(made.frames), made.frames[0].shape[:2]
    scene = make_scene(np.random.default_rng(0), None, count)
    return _encoded(list(render(scene, np.zeros((count, 3)), (width, height)).rgb_FHWC), made.sound)


def _late(made: Material) -> bytes:
    """Half a second. In a take of its own, since a short one gives too little evidence to tell."""
    height, width = made.frames[0].shape[:2]
    film = WorldTake(Take(0, 1, 9), (width, height), (6.0, 6.0), occluded=0, sung=0, close=1).main
    return _encoded(list(film.rgb_FHWC), np.roll(film.sound, RATE // 2))


BROKEN: dict[str, Callable[[Material], bytes]] = {
    "bad_empty.mp4": lambda _: b"",
    "bad_frozen.mp4": lambda made: _encoded(made.frames[:1] * len(made.frames), made.sound),
    "bad_truncated.mp4": lambda made: made.good[: len(made.good) * 6 // 10],
    "bad_silent.mp4": lambda made: _encoded(made.frames, np.zeros_like(made.sound)),
    "bad_text.mp4": lambda _: b"404 Not Found: the video you asked for has moved.\n" * 20,
    "bad_dark.mp4": lambda made: _encoded([frame // 20 for frame in made.frames], made.sound),
    "bad_playlist.m3u8": lambda _: PLAYLIST.encode(),
    "zz_copy.mp4": lambda made: made.good,
    "bad_no_sound.mp4": lambda made: _encoded(made.frames),
    "bad_only_sound.wav": _wave,
    "bad_no_face.mp4": _empty_room,
    "bad_out_of_sync.mp4": _late,
}
