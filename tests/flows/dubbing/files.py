"""A little video, a little sound, and the command that dubs one with the other."""

import io
from dataclasses import asdict

import numpy as np

from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from tests.models.dubbing.small_xdub import SmallXdub

RATE = 16000


def picture(frames, size=(32, 48)):
    """A patch that moves over a gradient."""
    y, x = np.mgrid[: size[0], : size[1]]
    still = np.stack([4 * x, 5 * y, 120 + 0 * x], -1).astype(np.uint8)
    made = np.repeat(still[None], frames, 0)
    for number, one in enumerate(made):
        one[10:20, number : number + 10] = 230
    return made


def speech(samples):
    """A voice that rises and swells; what AAC keeps."""
    t = np.arange(samples) / RATE
    return (0.3 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) * (0.6 + 0.4 * np.sin(12 * t))).astype(
        np.float32
    )


def options(weights: SmallXdub, **changes):
    given = asdict(weights) | changes
    return [word for name, path in given.items() for word in (f"--{name}", path)]


def played(path):
    with open_media(io.BytesIO(path.read_bytes())) as media:
        frames = decode_video(media)
        video = np.stack(list(frames))
        assert not frames.damage
        assert media.video.average_rate == 25
        assert media.video.codec_context.name == "h264"
        return video, decode_audio(media, rate=RATE).samples


def dub(here, weights, *arguments, check=True, **changes):
    given = ("clip.mp4", "speech.wav", "out.mp4")
    said = here(
        "dub", *given, "--steps", 2, "--device", "cpu", *arguments, *options(weights, **changes), check=check
    )
    return " ".join(said.split())


def never(*_):
    raise AssertionError("weights were loaded")
