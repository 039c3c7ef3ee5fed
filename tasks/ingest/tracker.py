"""Follows the faces of a shot: which of them are the same, and when one has become somebody else.

The whole picture is searched every few frames; in between each known face is looked for where it was.
"""

import time

import numpy as np

from models.faces.boxes import hull
from models.faces.face import Embedder, FaceBackend, Known, Shape
from storage.media.coded_picture import Picture
from storage.media.crop import crop_rgb, whole_rgb
from tasks.ingest.jump_cuts import FORGET, find_jump_cut
from tasks.ingest.track import Track

MOST_TRACKS = 6
LOST = 10
"""Frames: a face that is away for longer has left, and what returns is a new track."""
LOOK, LOOK_PX = 3.0, 256
"""A known face is looked for in a square of so many face sizes, scaled to so many pixels."""
WHOLE_PX, MOST_WHOLE_PX, LEAST_FACE_PX = 640, 1280, 20
"""The picture is searched at 640 pixels, or as many as leave the smallest wanted face 20 of them."""
STRIDE = 0.6
"""Farthest way of a face between two frames, in face sizes; farther away is another face."""
SEEK_EVERY = 3
"""Frames: the detector has to see a followed face at least so often; in between its landmarks may."""
EMBED_EVERY = 20
"""Less than what the crops lag behind: a change of person is noticed before it is encoded."""
SAME_PERSON = 0.3
"""Cosine of embeddings. Of one person in one shot it is far above, of two people far below."""
FACTOR = 1.6


class Tracker:
    """All faces that are followed; `step` shows it the next frame."""

    def __init__(
        self, backend: FaceBackend, embedder: Embedder | None, detect_every: int, min_face_px: float
    ) -> None:
        self._backend, self._embedder = backend, embedder
        self._every, self._min_face = detect_every, min_face_px
        self.tracks: list[Track] = []
        self._count = 0
        self._search_at = 0
        self._last: Picture | None = None
        self._pictures: dict[int, Picture] = {}
        self.seconds = 0.0
        """CPU time inside `step`, the pictures that only the face models look at included: the tracker's own cost."""

    def step(self, frame: int, picture: Picture, cut: bool) -> None:
        begun = time.process_time()
        if cut:
            self.end()
            self._search_at = frame
        again, self._last = picture is self._last, picture
        self._pictures[frame] = picture
        self._pictures.pop(frame - FORGET, None)
        self._look(frame, picture, again)
        self.seconds += time.process_time() - begun

    def _look(self, frame: int, picture: Picture, again: bool) -> None:
        for track in self._live():
            self._follow(track, frame, picture, again)
        self._drop_doubles(frame)
        if frame >= self._search_at and not again:
            self._search_at = frame + self._every
            self._search(frame, picture)
        for track in self._live():
            if frame - track.last_seen > LOST:
                track.cut(track.last_seen)
            elif not again:
                self._split_at_jump(track)
        for track in self._live():
            if self._embedder and not again:
                self._identify(track, frame, picture)

    def end(self) -> None:
        for track in self._live():
            track.cut(track.last_seen)

    def _live(self) -> list[Track]:
        return [track for track in self.tracks if not track.ended]

    def _follow(self, track: Track, frame: int, picture: Picture, again: bool) -> None:
        if again:
            return track.put(frame, track.at(frame - 1))
        last, away = track.latest(), frame - track.last_seen
        known = Known(last, frame - track.sought >= SEEK_EVERY) if away == 1 else None
        shape = self._shape(picture, last.centre, last.size, known)
        near = shape is not None and _near(shape, last, STRIDE * min(away, 2))
        if near:
            assert shape is not None
            track.walk(frame, shape)
            track.sought = frame if known is None or known.seek else track.sought
        return track.put(frame, shape if near else None)

    def _shape(
        self, picture: Picture, centre: tuple[float, float], size: float, known: Known | None = None
    ) -> Shape | None:
        """Landmarks in the source's pixels."""
        side = LOOK * size
        rgb = crop_rgb(picture, (*centre, side), LOOK_PX)
        scale = side / LOOK_PX
        half = 0.6 * size / scale
        middle = LOOK_PX / 2
        box = (middle - half, middle - half, 2 * half, 2 * half)
        corner = np.array([centre[0] - side / 2, centre[1] - side / 2])
        shape = self._backend.shape(rgb, box, known and known.moved(1 / scale, -corner / scale))
        return shape and shape.moved(scale, corner)

    def _search(self, frame: int, picture: Picture) -> None:
        wanted = max(picture.size) * LEAST_FACE_PX / self._min_face
        rgb, scale = whole_rgb(picture, round(min(max(WHOLE_PX, wanted), MOST_WHOLE_PX)))
        followed = [(track, shape) for track in self._live() if (shape := track.at(frame)) is not None]
        known = [hull(shape.points_K2 * scale) for _, shape in followed]
        faces = self._backend.detect(rgb, known)
        boxes = {face.box for face in faces}
        for (track, _), box in zip(followed, known, strict=True):
            track.sought = frame if box in boxes else track.sought
        for face in sorted(faces, key=lambda f: -f.box[2] * f.box[3]):
            x, y, wide, high = (value / scale for value in face.box)
            centre, size = (x + wide / 2, y + high / 2), max(wide, high) * 0.9
            if any(_covers(track, frame, centre, size) for track in self._live()):
                continue
            shape = self._shape(picture, centre, size)
            if shape is not None:
                self._welcome(frame, shape)

    def _welcome(self, frame: int, shape: Shape) -> None:
        """A face nobody follows: one that was lost a moment ago, or a new one."""
        for track in self._live():
            if track.at(frame) is not None:
                if _near(shape, track.latest(), 0.5):
                    return
            elif _near(shape, track.latest(), 1.0):
                track.walk(frame, shape)
                track.put_instead(frame, shape)
                return
        if len(self._live()) < MOST_TRACKS:
            self._begin(frame, [shape])

    def _begin(self, frame: int, shapes: list[Shape | None]) -> Track:
        track = Track(self._count, frame, base=frame, sought=frame)
        for t, shape in enumerate(shapes, frame):
            track.put(t, shape)
        self._count += 1
        self.tracks.append(track)
        return track

    def _drop_doubles(self, frame: int) -> None:
        """Two tracks that have come to follow one face: the older goes on."""
        seen: list[Shape] = []
        for track in self._live():
            shape = track.at(frame)
            if shape is None:
                continue
            if any(_near(shape, other, 0.35) for other in seen):
                track.cut(frame - 1)
            else:
                seen.append(shape)

    def _split_at_jump(self, track: Track) -> None:
        """What was seen since a jump cut is another track, as after any cut."""
        if track.steps and track.steps[-1].after == track.last_seen:
            cut = find_jump_cut(track.steps, self._pictures)
            if cut is not None:
                shapes = track.shapes[cut.after - track.base :]
                later = self._begin(cut.after, shapes)
                later.steps = [s for s in track.steps if s.before >= cut.after]
                later.embeddings = [(t, e) for t, e in track.embeddings if t >= cut.after]
                track.embeddings = [(t, e) for t, e in track.embeddings if t < cut.after]
                track.cut(cut.before)

    def _identify(self, track: Track, frame: int, picture: Picture) -> None:
        shape = track.at(frame)
        if shape is None or (track.embeddings and frame < track.embeddings[-1][0] + EMBED_EVERY):
            return
        who = self._embed(picture, shape)
        if track.embeddings and float(who @ track.embeddings[-1][1]) < SAME_PERSON:
            track.cut(track.embeddings[-1][0])
            track = self._begin(frame, [shape])
        track.embeddings.append((frame, who))

    def _embed(self, picture: Picture, shape: Shape) -> np.ndarray:
        assert self._embedder is not None
        embedder, side = self._embedder, LOOK * shape.size
        rgb = crop_rgb(picture, (*shape.centre, side), LOOK_PX)
        corner = np.array([shape.centre[0] - side / 2, shape.centre[1] - side / 2])
        five_52 = ((shape.five_52 - corner) * (LOOK_PX / side)).astype(np.float32)
        return embedder.embed(rgb, five_52)


def _near(one: Shape, other: Shape, sizes: float) -> bool:
    """Within so many face sizes of each other, and about as large."""
    larger, smaller = max(one.size, other.size), max(min(one.size, other.size), 1e-6)
    apart = float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
    return apart <= sizes * larger and larger / smaller <= FACTOR


def _covers(track: Track, frame: int, centre: tuple[float, float], size: float) -> bool:
    shape = track.at(frame)
    if shape is None:
        return False
    apart = float(np.hypot(shape.centre[0] - centre[0], shape.centre[1] - centre[1]))
    return apart < 0.5 * max(shape.size, size)
