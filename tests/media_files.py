"""Video and sound files made to measure, the shared real ones, and a watch on who opens what."""

import ctypes
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from storage.sources import make_source

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no shared media at {DATA}")
IN_OPEN = 0x20


def narrow(row_type, *rows):
    """An Input filled by name from outputs, the first given winning, as the engine does it."""
    have = {}
    for row in reversed(rows):
        have |= vars(row)
    return row_type(**{name: have[name] for name in row_type.__dataclass_fields__})


def source_of(path, **given):
    status = os.stat(path)
    given = {"licence": "", "consent": "", "speaker": ""} | given
    return make_source(str(path), status.st_size, status.st_mtime_ns, **given)


def grey_video(path, times_ms, size=(64, 48), audio=None, rate=16000, audio_from=0.0, codec="libx264"):
    """Frame k has the grey level 20 + 3k and the timestamp times_ms[k]; sound is PCM from `audio_from` s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec,
            rate=25 if codec == "mpeg2video" else 1000,
            options={"crf": "1"} if codec == "libx264" else {},
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if codec != "mpeg2video":
            stream.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("pcm_s16le", rate=rate, layout="mono") if audio is not None else None
        for k, ms in enumerate(times_ms):
            grey = np.full((size[1], size[0], 3), 20 + 3 * k, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            mux_sound(container, sound, audio, rate, audio_from)
    return path


def sound_file(path, samples, rate, layout, codec="pcm_f32le"):
    """`samples` is (channels, n), as float."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        packed = samples.T.reshape(1, -1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def mux_sound(container, stream, audio, rate, start):
    for at in range(0, len(audio), 800):
        pcm = (audio[None, at : at + 800] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, "s16", "mono")
        frame.sample_rate, frame.pts = rate, round(start * rate) + at
        frame.time_base = Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


class Watch:
    """Counts how often a file is opened, by inotify: `with Watch(path) as watch: ...; watch.opens`."""

    def __init__(self, path):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._libc.inotify_add_watch(self._fd, os.fsencode(path), IN_OPEN) >= 0
        self._events = 0

    @property
    def opens(self):
        try:
            self._events += len(os.read(self._fd, 65536)) // 16
        except BlockingIOError:
            return self._events
        return self._events

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)
