"""How many frames of the procedural world one core makes, and how many sounds."""

import time

import numpy as np

from models.world.direct import make_scene
from models.world.people import make_person
from models.world.render import render
from models.world.sound.speech import speak
from models.world.sound.voice import synthesise
from tests.perf.line import Line, Say

TAKES, FRAMES = 12, 100


def lines(say: Say) -> list[Line]:
    say(f"{TAKES} takes of {FRAMES} frames at 64 and at 256 pixels, on one core")
    small, large = (_frames_per_second(side, takes) for side, takes in ((64, TAKES), (256, 3)))
    return [
        Line("64x64 frames/s/core, twice supersampled", small, at_least=400),
        Line("256x256 frames/s/core", large),
        Line("CPU per second of speech", 1000 * _speech(), " ms", at_most=20),
    ]


def _frames_per_second(side: int, takes: int) -> float:
    """Over the whole call: posing, shading, drawing, landmarks. The first take compiles and isn't counted."""
    spent = 0.0
    for seed in range(takes + 1):
        rng = np.random.default_rng(seed)
        occluder = "hand" if seed % 3 == 0 else None
        scene = make_scene(rng, make_person(seed), FRAMES, occluder=occluder)
        mouth = speak(rng, FRAMES / 25).mouth(25, FRAMES)
        began = time.process_time()
        render(scene, mouth, (side, side))
        spent += (time.process_time() - began) * (seed > 0)
    return takes * FRAMES / spent


def _speech() -> float:
    rng = np.random.default_rng(0)
    spoken = [speak(rng, 4.0) for _ in range(8)]
    voices = [make_person(seed).voice for seed in range(8)]
    began = time.process_time()
    for speech, voice in zip(spoken, voices, strict=True):
        synthesise(speech, voice, rng)
    return (time.process_time() - began) / 32
