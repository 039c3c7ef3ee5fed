"""Writes a small corpus to try everything on: talking figures, and the broken files every corpus has.

Needs no network and no download; about three in four videos are good. The same seed gives the same
bytes, and a folder that holds the corpus already is left alone.
"""

import csv
import json
import os
import shutil
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.demoface import FPS, NAMES, RATE, Speaker, draw, make_speaker, speak
from storage.encode import encode_video
from storage.listing import SourceError

VERSION = 1
MARKER = ".redub-demo.json"
SPEAKERS = len(NAMES)
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n"

Clip = tuple[list[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Material:
    """What a broken file is made from."""

    good: Path
    frames: list[np.ndarray]
    sound: np.ndarray


def make_corpus(folder: str | Path, n: int = 40, seed: int = 0) -> Path:
    """`n` files and a manifest.csv in `folder`, which is created; a quarter is bad on purpose."""
    folder = Path(folder).absolute()
    made = {"version": VERSION, "n": n, "seed": seed}
    if _holds(folder, made):
        return folder
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        _write(work, n, seed)
        (work / MARKER).write_text(json.dumps(made))
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _holds(folder: Path, made: dict) -> bool:
    if not folder.exists() or not any(folder.iterdir()):
        return False
    marker = folder / MARKER
    if marker.is_file() and json.loads(marker.read_text()) == made:
        return True
    if marker.is_file():
        raise SourceError(
            f"{folder} holds a demo of other settings ({marker.read_text()}); remove it, or use the same --items"
        )
    raise SourceError(f"{folder} is not empty and holds no demo; give an empty or new folder")


def _write(folder: Path, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    speakers = [make_speaker(i, rng) for i in range(SPEAKERS)]
    broken = list(BROKEN.items())[: n // 4]
    rows = []
    for i in range(n - len(broken)):
        name = f"{speakers[i % SPEAKERS].name}_{i:02d}.mp4" if i != 1 else "höflich grüßend 你好.mp4"
        frames, sound = _clip(speakers[i % SPEAKERS], rng)
        encode_video(folder / name, frames, FPS, sound, RATE)
        rows.append((name, speakers[i % SPEAKERS].name))
    for i, (name, spoil) in enumerate(broken):
        clip = _clip(speakers[i % SPEAKERS], rng, side=128, seconds=1.6)
        spoil(folder / name, Material(folder / rows[0][0], *clip))
        rows.append((name, speakers[i % SPEAKERS].name))
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["uri", "speaker", "licence", "consent"])
        writer.writerows((name, speaker, "CC0", "synthetic") for name, speaker in sorted(rows))


def _clip(speaker: Speaker, rng: np.random.Generator, side: int = 0, seconds: float = 0.0) -> Clip:
    side = side or int(rng.choice([128, 160, 192]))
    sound, opening = speak(speaker, seconds or float(rng.integers(38, 58)) / FPS, rng)
    return list(draw(speaker, opening, side, rng)), sound


def _empty(path: Path, _: Material) -> None:
    path.touch()


def _text(path: Path, _: Material) -> None:
    path.write_text("404 Not Found: the video you asked for has moved.\n" * 20)


def _truncated(path: Path, made: Material) -> None:
    whole = made.good.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])


def _copy(path: Path, made: Material) -> None:
    shutil.copyfile(made.good, path)


def _silent(path: Path, made: Material) -> None:
    encode_video(path, made.frames, FPS, np.zeros_like(made.sound), RATE)


def _frozen(path: Path, made: Material) -> None:
    encode_video(path, made.frames[:1] * len(made.frames), FPS, made.sound, RATE)


def _dark(path: Path, made: Material) -> None:
    encode_video(path, [frame // 20 for frame in made.frames], FPS, made.sound, RATE)


def _playlist(path: Path, _: Material) -> None:
    path.write_text(PLAYLIST)


def _mute(path: Path, made: Material) -> None:
    encode_video(path, made.frames, FPS)


def _sound_only(path: Path, made: Material) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(made.sound), "NONE", ""))
        file.writeframes((made.sound * 32767).astype("<i2").tobytes())


BROKEN: dict[str, Callable[[Path, Material], None]] = {
    "bad_empty.mp4": _empty,
    "bad_frozen.mp4": _frozen,
    "bad_truncated.mp4": _truncated,
    "bad_silent.mp4": _silent,
    "bad_text.mp4": _text,
    "bad_dark.mp4": _dark,
    "bad_playlist.m3u8": _playlist,
    "zz_copy.mp4": _copy,
    "bad_no_sound.mp4": _mute,
    "bad_only_sound.wav": _sound_only,
}
