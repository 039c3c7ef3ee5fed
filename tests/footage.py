"""Faces that are drawn, a back-end that finds them by their colours, and sources made of them."""

from fractions import Fraction

import av
import numpy as np

from models.faces.face import Face, Shape, face_size
from storage.store import Store
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.probe import Probe
from tests.media_files import mux_sound, narrow, source_of

SKIN, LEFT, RIGHT, MOUTH = (120, 120, 120), (250, 30, 30), (30, 250, 30), (40, 40, 250)
BACK = (70, 70, 70)


def draw(size, faces, back=BACK):
    """Grey ovals with a red and a green eye and a blue mouth; each face is (x, y, size), drawn between pixels."""
    width, height = size
    rgb = np.empty((height, width, 3), np.float32)
    rgb[:] = back
    for face in faces:
        x, y, side = face[:3]
        opening = face[3] if len(face) > 3 else 0.05
        _oval(rgb, x, y, 0.45 * side, 0.6 * side, SKIN)
        _oval(rgb, x - 0.22 * side, y - 0.25 * side, 0.1 * side, 0.1 * side, LEFT)
        _oval(rgb, x + 0.22 * side, y - 0.25 * side, 0.1 * side, 0.1 * side, RIGHT)
        _oval(rgb, x, y + 0.25 * side, 0.2 * side, (0.05 + opening / 2) * side, MOUTH)
    return rgb.round().astype(np.uint8)


def _oval(rgb, x, y, rx, ry, colour):
    height, width = rgb.shape[:2]
    top, bottom = max(0, int(y - ry - 2)), min(height, int(y + ry + 3))
    left, right = max(0, int(x - rx - 2)), min(width, int(x + rx + 3))
    if top >= bottom or left >= right:
        return
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    away = np.hypot((columns - x) / rx, (rows - y) / ry)
    cover = np.clip((1 - away) * min(rx, ry) + 0.5, 0, 1)[..., None]
    part = rgb[top:bottom, left:right]
    part += cover * (np.array(colour, np.float32) - part)


def middles(rgb):
    """(left eye, right eye, mouth) centres of mass by colour, NaN where there is none: for one face."""
    c = rgb.astype(np.float32)
    found = []
    for own, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):
        weight = np.clip(c[..., own] - np.maximum(c[..., others[0]], c[..., others[1]]) - 40, 0, None)
        total = weight.sum()
        if total < 300:
            found.append((np.nan, np.nan))
            continue
        ys, xs = np.mgrid[: c.shape[0], : c.shape[1]] + 0.5
        found.append(((weight * xs).sum() / total, (weight * ys).sum() / total))
    return np.array(found)


def timed_video(path, pictures, times_ms, audio, audio_from=0.0):
    """Each picture at its own time; the sound, 16 kHz PCM, from `audio_from` s on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000, options={"crf": "4", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for rgb, ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        mux_sound(container, sound, audio, 16000, audio_from)
    return path


class Dots:
    """A FaceBackend that finds drawn faces; `blind` are the calls of `shape` that see nothing."""

    def __init__(self):
        self.seconds = 0.0

    def detect(self, rgb_HWC, known=()):
        red = (rgb_HWC[..., 0].astype(int) - rgb_HWC[..., 1]) > 80
        columns = np.flatnonzero(red.any(0))
        if not len(columns):
            return []
        faces = []
        for group in np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1):
            rows = np.flatnonzero(red[:, group].any(1))
            eye = max(len(group), 3) / 0.2
            x, y = group.mean() + 0.5 + 0.22 * eye, rows.mean() + 0.5 + 0.25 * eye
            faces.append(Face((x - eye / 2, y - eye / 2, eye, eye), 1.0))
        return faces

    def shape(self, rgb_HWC, box, known=None):
        x, y, side = box[0] + box[2] / 2, box[1] + box[3] / 2, 1.25 * max(box[2:])
        top, left = max(0, int(y - side / 2)), max(0, int(x - side / 2))
        part = rgb_HWC[top : int(y + side / 2) + 1, left : int(x + side / 2) + 1]
        found = middles(part) + np.array((left, top))
        if np.isnan(found).any():
            return None
        one, other, mouth = found
        eyes = (one + other) / 2
        size = 2 * np.linalg.norm(mouth - eyes)
        corners = [mouth - np.array((0.1 * size, 0)), mouth + np.array((0.1 * size, 0))]
        five_52 = np.array([one, other, (eyes + mouth) / 2, *corners], np.float32)
        blue = part[..., 2].astype(int) - part[..., 0] > 80
        opening = np.flatnonzero(blue.any(1)).size / face_size(five_52)
        return Shape(five_52.copy(), five_52, 0.0, 0.0, 0.0, float(opening), 0.2, 1.0)

    def close(self):
        pass


class Still(Dots):
    """Says that the face stays where it was first found, and takes no time for it."""

    def __init__(self):
        self.found = None

    def detect(self, rgb_HWC, known=()):
        if self.found is None:
            self.found = super().detect(rgb_HWC, known)
        return self.found

    def shape(self, rgb_HWC, box, known=None):
        x, y, size = box[0] + box[2] / 2, box[1] + box[3] / 2, box[2] / 1.2
        away = np.array([(-0.22, -0.25), (0.22, -0.25), (0, 0), (-0.1, 0.25), (0.1, 0.25)])
        five_52 = (away * size + (x, y)).astype(np.float32)
        return Shape(five_52.copy(), five_52, 0.0, 0.0, 0.0, 0.1, 0.2, 1.0)


def ingest_stage(backend=None, embedder=None, **config):
    stage = Ingest(IngestConfig(**({"identity_model": "", "size": 128, "crf": 4} | config)))
    stage.store, stage.face, stage.identity = Store(), backend or Dots(), embedder
    return stage


def input_of(path, **given):
    probe = Probe()
    probe.setup(Store())
    (result,) = probe([source_of(path, **given)])
    return narrow(IngestInput, result.rows[0])


def ingest(path, backend=None, embedder=None, **config):
    """The stage's one answer for a file."""
    (result,) = ingest_stage(backend, embedder, **config)([input_of(path)])
    return result
