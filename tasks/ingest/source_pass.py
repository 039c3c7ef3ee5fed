"""Makes one pass over a source, or a part of one: frames go in, clips come out as they are complete."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from models.faces.face import Embedder, FaceBackend
from storage.media.coded_picture import Picture
from storage.media.container import MediaError, open_media
from storage.media.crop import thumbnail
from storage.media.decode import decode_pictures
from storage.media.sound_reader import SoundReader
from storage.media.stream import Mark
from storage.media.video_frames import Span, VideoFrames
from storage.store import Store
from tasks.ingest.clip import ClipFormat
from tasks.ingest.config import IngestConfig
from tasks.ingest.cutter import ClipRules, Cutter, WaitingFrame
from tasks.ingest.shots import ShotDetector
from tasks.ingest.tally import Tally
from tasks.ingest.tracker import Tracker


class SourcePass:
    """The loop of `ingest`: the tracker sees each frame first, the cutter a second later."""

    def __init__(
        self, store: Store, config: IngestConfig, face: FaceBackend, identity: Embedder | None, tally: Tally
    ) -> None:
        self.store, self.config, self.tally = store, config, tally
        self.tracker = Tracker(face, identity, config.detect_every, config.min_face_px)

    @property
    def tracker_s(self) -> float:
        """Seconds that following the faces took."""
        return self.tracker.seconds

    def clips(self, uri: str, span: Span) -> Iterator[dict[str, Any]]:
        """Gives what each clip's row says of it; times count from the span's start."""
        with ExitStack() as stack:
            pictures, sound = self._opened(uri, span, stack)
            cutter = self._cutter(pictures, sound)
            for waiting, cut in _frames(pictures):
                self.tracker.step(waiting.frame, waiting.picture, cut)
                yield from cutter.push(waiting)
            self.tracker.end()
            yield from cutter.flush()
        self.tally.damage = pictures.faults.text("video")
        if not self.tally.frames:
            raise MediaError("undecodable", f"no frame can be decoded ({self.tally.damage or 'empty'})")

    def _opened(
        self, uri: str, span: Span, stack: ExitStack
    ) -> tuple[VideoFrames[Picture], SoundReader | None]:
        media = stack.enter_context(open_media(stack.enter_context(self.store.open(uri))))
        pictures = decode_pictures(media, fps=self.config.fps, span=span)
        if media.audio is None:
            return pictures, None
        beside = stack.enter_context(open_media(stack.enter_context(self.store.open(uri))))
        return pictures, SoundReader(beside, start_s=span[0])

    def _cutter(self, pictures: VideoFrames[Picture], sound: SoundReader | None) -> Cutter:
        c = self.config
        frames = round(c.min_seconds * c.fps), round(c.max_seconds * c.fps)
        rules = ClipRules(c.faces, *frames, c.margin, c.min_face_px)
        clip_format = ClipFormat(c.size, c.fps, c.crf, c.preset, sound is not None)
        return Cutter(rules, clip_format, self.tracker, pictures.faults, sound, self.tally)


def _frames(pictures: VideoFrames[Picture]) -> Iterator[tuple[WaitingFrame, bool]]:
    """Frames in order, each with its shot: a few frames late, because a cut shows by what follows it."""
    detector: ShotDetector[tuple[int, Picture, Mark]] = ShotDetector()
    last = None
    shot = 0
    for given in chain(enumerate(pictures), [None]):
        if given is None:
            seen = detector.flush()
        else:
            again, last = given[1] is last, given[1]
            thumb = None if again else thumbnail(given[1])
            seen = detector.push((*given, pictures.faults.mark()), thumb, again)
        for (frame, picture, mark), cut, change in seen:
            shot += cut
            yield WaitingFrame(frame, picture, shot, change, mark), cut
