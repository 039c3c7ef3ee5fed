"""Encodes one clip while it grows: its frames go to the encoder at once, only numbers are kept until it is whole."""

from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation

from models.faces.face import Shape
from storage.media.coded_picture import Picture
from storage.media.crop import Square, crop_yuv, outside_share
from storage.media.decode import Audio
from storage.media.encode import VideoWriter, encode_flac
from storage.media.images import encode_jpeg
from tasks.agreement import agreement
from tasks.ingest.lip_sync import measure_lip_sync
from tasks.ingest.track_data import TrackData

RATE = 16000
POSTER_FRAMES, POSTER_PX = 8, 160


@dataclass(frozen=True)
class ClipFormat:
    """Size, rate and encoding, the same for all clips of a source."""

    size: int
    fps: int
    crf: int
    preset: str
    sound: bool


class Poster:
    """Evenly spread frames of a clip whose length is not known yet: when there are too many, every other goes."""

    def __init__(self) -> None:
        self._kept: list[av.VideoFrame] = []
        self._stride, self._count = 1, 0

    def add(self, frame: av.VideoFrame) -> None:
        if self._count % self._stride == 0:
            self._kept.append(frame)
            if len(self._kept) > POSTER_FRAMES:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._count += 1

    def jpeg(self) -> bytes:
        picked = [self._kept[round(share * (len(self._kept) - 1))] for share in (0.1, 0.5, 0.9)]
        return encode_jpeg(np.concatenate([_small_rgb(frame) for frame in picked], axis=1))


def _small_rgb(frame: av.VideoFrame) -> np.ndarray:
    side = min(POSTER_PX, frame.width)
    how: Any = {"interpolation": Interpolation.AREA, "src_colorspace": Colorspace.ITU709, "threads": 1}
    return frame.reformat(width=side, height=side, format="rgb24", **how).to_ndarray()


@dataclass
class Clip:
    """One clip that is being made: what has been added to it so far, and the encoder that has its frames."""

    track: int
    start: int
    """Frame of the source, at the clip's rate."""
    shot: int
    format: ClipFormat
    faces: int
    shapes: list[Shape] = field(default_factory=list)
    squares: list[Square] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    embeddings: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rate = RATE if self.format.sound else None
        how = {"crf": self.format.crf, "preset": self.format.preset}
        self._writer = VideoWriter(None, self.format.fps, rate=rate, **how)  # type: ignore[arg-type]
        self._poster = Poster()

    def add(self, picture: Picture, square: Square, size: float, shape: Shape, change: float) -> None:
        frame = crop_yuv(picture, square, self.format.size)
        self._writer.write(frame)
        self._poster.add(frame)
        self.shapes.append(shape)
        self.squares.append(square)
        self.sizes.append(size)
        self.changes.append(change)
        self.outside.append(outside_share(picture, square))

    @property
    def frames(self) -> int:
        return len(self.squares)

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def face_px(self) -> float:
        return float(np.median(self.sizes))

    def lip_strength(self, audio: Audio) -> float:
        opening_T = np.array([shape.opening if shape.score else np.nan for shape in self.shapes])
        return measure_lip_sync(opening_T, audio.samples, self.format.fps, audio.rate).strength

    def drop(self) -> None:
        self._writer.drop()

    def finish(self, audio: Audio | None) -> dict[str, Any]:
        """What a row says of it, but for where it comes from."""
        seen_T = np.array([shape.score for shape in self.shapes]) > 0
        sides = np.array([square[2] for square in self.squares])
        return {
            "start_s": self.start / self.format.fps,
            "frames": self.frames,
            "fps": float(self.format.fps),
            "shot": self.shot,
            "track": self.track,
            "faces": self.faces,
            "face_px": self.face_px,
            "zoom": float(np.median(sides)) / self.format.size,
            "outside_share": float(np.mean(self.outside)),
            "lost_share": float(1 - seen_T.mean()),
            "embedding": self._embedding(),
            "agreement": agreement([self.embeddings[t] for t in sorted(self.embeddings)]),
            "nonfinite_audio": audio.nonfinite if audio else 0,
            "video": self._writer.finish(audio.samples if audio else None),
            "audio": encode_flac(audio.samples, audio.rate) if audio else None,
            "track_data": self._track_data().to_bytes(),
            "poster": self._poster.jpeg(),
        }

    def _embedding(self) -> list[float] | None:
        if not self.embeddings:
            return None
        mean = np.mean(list(self.embeddings.values()), axis=0)
        return [float(value) for value in mean / np.linalg.norm(mean)]

    def _track_data(self) -> TrackData:
        square_T3 = np.array(self.squares, np.float32)
        return TrackData(
            points_TK2=self._in_clip([shape.points_K2 for shape in self.shapes]),
            five_T52=self._in_clip([shape.five_52 for shape in self.shapes]),
            pose_T3=np.array([(s.yaw, s.pitch, s.roll) for s in self.shapes], np.float32),
            opening_T=np.array([s.opening for s in self.shapes], np.float32),
            width_T=np.array([s.width for s in self.shapes], np.float32),
            score_T=np.array([s.score for s in self.shapes], np.float32),
            square_T3=square_T3,
            change_T=np.array(self.changes, np.float32),
            depth_TK=np.stack([s.depth_K for s in self.shapes]) * self._scale_T[:, None],
        )

    def _in_clip(self, points: list[np.ndarray]) -> np.ndarray:
        """From the source's pixels to the clip's."""
        square_T3 = np.array(self.squares)
        corner_T12 = (square_T3[:, :2] - square_T3[:, 2:] / 2)[:, None]
        return ((np.stack(points) - corner_T12) * self._scale_T[:, None, None]).astype(np.float32)

    @property
    def _scale_T(self) -> np.ndarray:
        """Pixels of the clip for one of the source's."""
        return self.format.size / np.array([square[2] for square in self.squares])
