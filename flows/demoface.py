"""Draws and voices a simple talking figure: what the demo corpus is made of.

A dozen soft ellipses and a mouth that opens with the loudness of a harmonic voice. Every speaker has
colours, proportions and a pitch of its own, so speakers can be told apart by eye and ear.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FPS, RATE = 25, 16000
NAMES = ("amal", "bruno", "chen", "dalia", "marek", "greta", "omar", "zora")
"""With the default shares marek falls into val and omar into test; the rest into train."""
SKINS = ((241, 194, 160), (224, 172, 130), (198, 134, 92), (141, 85, 54), (92, 58, 40), (250, 214, 190))
HAIRS = ((44, 30, 24), (92, 58, 30), (200, 160, 90), (24, 24, 28), (140, 60, 36), (120, 120, 126))
SHIRTS = ((52, 92, 150), (150, 54, 60), (60, 120, 84), (210, 170, 60), (110, 76, 140), (60, 66, 76))
WALLS = ((176, 196, 206), (206, 190, 170), (178, 200, 172), (200, 178, 196), (190, 190, 200), (212, 204, 160))


@dataclass(frozen=True)
class Speaker:
    name: str
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    shirt: tuple[int, int, int]
    wall: tuple[int, int, int]
    width: float
    pitch: float


def make_speaker(index: int, rng: np.random.Generator) -> Speaker:
    """Colours by index, so that neighbours differ; proportions and pitch by chance."""
    return Speaker(
        name=NAMES[index],
        skin=SKINS[(index + index // 6) % 6],
        hair=HAIRS[(index * 5 + 1 + index // 6 * 2) % 6],
        shirt=SHIRTS[(index + index // 6) % 6],
        wall=WALLS[(index * 5 + 3) % 6],
        width=float(rng.uniform(0.19, 0.23)),
        pitch=float(rng.uniform(95, 240)),
    )


def speak(speaker: Speaker, seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(samples at RATE, mouth opening 0..1 per frame): syllables at about 4 Hz, and one breath."""
    t = np.arange(round(seconds * RATE)) / RATE
    syllables = rng.uniform(0.35, 1.0, int(seconds * 4) + 2)
    syllables[rng.integers(2, len(syllables) - 1)] = 0.0
    beat = t * 4 + rng.uniform()
    opening = np.sin(np.pi * (beat % 1)) ** 2 * syllables[beat.astype(int)]
    pitch = speaker.pitch * (1 + 0.05 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros_like(t)
    for k in range(1, 13):
        # An open mouth lets higher harmonics out: the sound shows the shape of the lips.
        voice += np.sin(k * phase) / k * (0.25 + opening * np.exp(-(((k * speaker.pitch - 750) / 700) ** 2)))
    voice = voice * opening + 0.001 * rng.standard_normal(len(t))
    at_frames = np.minimum((np.arange(round(seconds * FPS)) / FPS * RATE).astype(int), len(t) - 1)
    return (0.6 * voice / np.abs(voice).max()).astype(np.float32), opening[at_frames]


def draw(speaker: Speaker, opening: np.ndarray, side: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One RGB picture per value of `opening`, side x side."""
    backdrop = _backdrop(speaker, side, rng)
    sway, blink = rng.uniform(0, 6.28, 2), rng.integers(8, 30)
    for i, mouth in enumerate(opening):
        canvas = backdrop.copy()
        x = 0.5 + 0.02 * np.sin(i / 9 + sway[0])
        y = 0.45 + 0.012 * np.sin(i / 6 + sway[1])
        _head(canvas, speaker, x, y, float(mouth), i % 45 in (blink, blink + 1))
        yield np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def _backdrop(speaker: Speaker, side: int, rng: np.random.Generator) -> np.ndarray:
    shade = np.linspace(1.05, 0.75, side, dtype=np.float32)[:, None, None]
    canvas = np.array(speaker.wall, np.float32) * shade * np.ones((1, side, 1), np.float32)
    for _ in range(3):
        tint = np.array(speaker.wall) * rng.uniform(0.7, 1.15)
        _ellipse(canvas, rng.uniform(), rng.uniform(0, 0.7), rng.uniform(0.05, 0.14), 0.12, tint)
    # Grain, as any camera has: without it a wall is flat and looks blurred to a sharpness score.
    canvas += rng.normal(0, 3, (side, side, 1)).astype(np.float32)
    _ellipse(canvas, 0.5, 1.08, 0.40, 0.34, speaker.shirt)
    _ellipse(canvas, 0.5, 0.74, 0.085, 0.14, np.array(speaker.skin) * 0.86)
    return canvas


def _head(canvas: np.ndarray, who: Speaker, x: float, y: float, mouth: float, blink: bool) -> None:
    w, skin = who.width, np.array(who.skin)
    _ellipse(canvas, x, y - 0.06, w * 1.16, 0.27, who.hair)
    for side in (-1, 1):
        _ellipse(canvas, x + side * w, y + 0.02, 0.03, 0.05, skin * 0.9)
    _ellipse(canvas, x, y + 0.02, w, 0.26, skin)
    _ellipse(canvas, x, y - 0.22, w * 0.95, 0.08, who.hair)
    for side in (-1, 1):
        eye = x + side * w * 0.45
        _ellipse(canvas, eye, y - 0.085, 0.045, 0.012, np.array(who.hair) * 0.8)
        _ellipse(canvas, eye, y - 0.03, 0.038, 0.004 if blink else 0.024, (250, 250, 248))
        if not blink:
            _ellipse(canvas, eye, y - 0.03, 0.016, 0.018, (40, 44, 60))
        _ellipse(canvas, x + side * w * 0.55, y + 0.07, 0.04, 0.025, skin * (1.0, 0.9, 0.88))
    _ellipse(canvas, x, y + 0.045, 0.022, 0.035, skin * 0.9)
    _ellipse(canvas, x, y + 0.15, 0.078, 0.020 + 0.045 * mouth, (170, 66, 70))
    _ellipse(canvas, x, y + 0.15, 0.058, 0.003 + 0.038 * mouth, (62, 18, 24))
    if mouth > 0.3:
        _ellipse(canvas, x, y + 0.15 - 0.028 * mouth, 0.042, 0.010 * mouth, (245, 242, 236))


def _ellipse(canvas: np.ndarray, x: float, y: float, rx: float, ry: float, colour: object) -> None:
    """Soft-edged, in shares of the side; only the box around it is touched."""
    side = canvas.shape[0]
    x, y, rx, ry = x * side, y * side, max(rx * side, 0.4), max(ry * side, 0.4)
    top, bottom = max(int(y - ry - 1), 0), min(int(y + ry + 3), side)
    left, right = max(int(x - rx - 1), 0), min(int(x + rx + 3), side)
    if top >= bottom or left >= right:
        return
    v = ((np.arange(top, bottom, dtype=np.float32) + 0.5 - y) / ry)[:, None]
    u = ((np.arange(left, right, dtype=np.float32) + 0.5 - x) / rx)[None]
    cover = np.clip((1 - np.sqrt(u * u + v * v)) * min(rx, ry) + 0.5, 0, 1)[..., None]
    box = canvas[top:bottom, left:right]
    box += cover * (np.asarray(colour, np.float32) - box)
