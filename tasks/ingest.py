"""Turns a source into clips: one shot, one speaker, the face in the middle, 25 frames a second.

One decode pass a source. Its shots are found as it goes, the faces in them are followed, and for each face
a steady square around it is scaled and encoded, with the sound of the same span.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any, Literal

from infra.resources import Needs
from models.faces import load_face, load_identity
from models.faces.face import Embedder, FaceBackend
from models.references import digest
from storage.crop import Picture, thumbnail
from storage.listing import change_since
from storage.media import Mark, MediaError, VideoFrames, decode_pictures, open_media
from storage.rows import Blob
from storage.sound import SoundReader
from storage.store import Store
from tasks.footage.clip import Look
from tasks.footage.shots import ShotDetector
from tasks.footage.spans import Cutter, Moment, Rules, Tally, reason
from tasks.footage.tracks import Tracker
from tasks.probe import Probe
from tasks.stage import Expand, Expanded, Rejected, StageConfig


class IngestConfig(StageConfig):
    size: int = 64
    """Pixels of a clip's side."""
    fps: int = 25
    min_seconds: float = 1.0
    """Shorter spans make no clip."""
    max_seconds: float = 10.0
    """Longer spans become several clips, which don't overlap."""
    margin: float = 1.85
    """Side of the square, in face sizes (about brow to chin)."""
    min_face_px: float = 24.0
    """Face size in the source's pixels; smaller faces make no clip."""
    faces: Literal["reject", "largest", "every", "speaking"] = "speaking"
    """Where several faces are visible: no clip, the largest, each, or the one whose lips fit the sound."""
    detect_every: int = 5
    """Frames between two looks for faces in the whole picture; between them each known face is followed."""
    crf: int = 16
    """Quality of the encoded clips: lower is better and larger."""
    preset: str = "veryfast"
    """Of the encoder: slower is smaller."""
    face: Literal["mini", "mediapipe", "yunet"] = "mini"
    """What finds faces and their landmarks."""
    face_model: str = "mini:face"
    """Reference of its weights: mini:NAME, or a path."""
    identity_model: str = "mini:identity"
    """Reference of an ArcFace-like ONNX file that tells people apart; empty for none."""


@dataclass(frozen=True)
class ClipRow:
    id: str
    """Hash of the source's content and the span."""
    uri: str
    """Of the source."""
    licence: str
    consent: str
    named_speaker: str
    """As the manifest names them; empty when it doesn't."""
    start_s: float
    """In the source, from the start of its picture."""
    frames: int
    fps: float
    shot: int
    """Number of the shot in the source, from 0."""
    track: int
    """Number of the face in the source, from 0."""
    faces: int
    """Most faces visible at once in this span."""
    face_px: float
    """Median face size in the source's pixels."""
    zoom: float
    """Source pixels per clip pixel: below 1 the clip is enlarged."""
    outside_share: float
    """Mean share of the square that lies beyond the picture's edge."""
    lost_share: float
    """Share of frames in which the face was not seen but guessed from its neighbours."""
    embedding: list[float] | None
    """Unit vector of who it is; None without an identity model."""
    damage: str
    """What could not be decoded in this span, in words; '' when everything could."""
    nonfinite_audio: int
    """NaN and infinite samples in this span, now 0."""
    video: Blob
    """MP4: H.264 4:2:0, with the sound as AAC."""
    audio: Blob | None
    """FLAC, 16 kHz mono, exactly frames / fps long; None without a sound track."""
    track_data: Blob
    """NPZ of the face, frame by frame (tasks/footage/trackdata.py)."""
    poster: Blob
    """JPEG: three frames side by side."""


@dataclass(frozen=True)
class IngestInput:
    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str
    duration_s: float


class Ingest(Expand):
    name = "ingest"
    reads = (Probe,)
    needs = Needs(cpus=1, batch=1, timeout_s=3600, memory_gb=1.5)
    Config = IngestConfig
    Input = IngestInput
    Output = ClipRow
    config: IngestConfig
    face: FaceBackend
    identity: Embedder | None
    tracker_s: float = 0.0
    """Seconds spent inside the face models so far."""

    def weights(self) -> dict[str, str]:
        references = [self.config.face_model, self.config.identity_model]
        return {reference: digest(reference) for reference in references if reference}

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.face = load_face(self.config.face, self.config.face_model)
        self.identity = load_identity(self.config.identity_model)

    def __call__(self, rows: Sequence[IngestInput]) -> list[Expanded | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: IngestInput) -> Expanded | Rejected:
        tally = Tally()
        try:
            self._check_unchanged(row)
            clips = tuple(self.clips(row, tally))
            self._check_unchanged(row)
        except MediaError as error:
            return Rejected(row.id, error.code, str(error))
        if clips:
            return Expanded(row.id, clips)
        return Rejected(row.id, *reason(tally, self._rules(), self.config.fps))

    def clips(self, row: IngestInput, tally: Tally) -> Iterator[ClipRow]:
        """One by one: what the source gives is held by nobody here."""
        with ExitStack() as stack:
            cutter, moments = self._opened(row, tally, stack)
            for moment, cut in moments:
                cutter.tracker.step(moment.frame, moment.picture, cut)
                yield from (self._row(row, clip) for clip in cutter.push(moment))
            cutter.tracker.end()
            yield from (self._row(row, clip) for clip in cutter.flush())
            self.tracker_s += cutter.tracker.seconds
        if not tally.frames:
            damage = cutter.faults.text("video") or "empty"
            raise MediaError("undecodable", f"no frame can be decoded ({damage})")

    def _opened(self, row: IngestInput, tally: Tally, stack: ExitStack) -> tuple[Cutter, Iterator]:
        media = stack.enter_context(open_media(stack.enter_context(self.store.open(row.uri))))
        pictures = decode_pictures(media, fps=self.config.fps)
        sound = None
        if media.audio is not None:
            beside = stack.enter_context(open_media(stack.enter_context(self.store.open(row.uri))))
            sound = SoundReader(beside)
        config = self.config
        look = Look(config.size, config.fps, config.crf, config.preset, sound is not None)
        tracker = Tracker(self.face, self.identity, config.detect_every, config.min_face_px)
        cutter = Cutter(self._rules(), look, tracker, pictures.faults, sound, tally)
        return cutter, _moments(pictures)

    def _rules(self) -> Rules:
        c = self.config
        frames = round(c.min_seconds * c.fps), round(c.max_seconds * c.fps)
        return Rules(c.faces, *frames, c.margin, c.min_face_px)

    def _row(self, row: IngestInput, clip: dict[str, Any]) -> ClipRow:
        shared = clip.pop("shared")
        key = f"{row.id} {clip['start_s']:.3f} {clip['frames']}" + (f" {clip['track']}" if shared else "")
        return ClipRow(
            id=blake2b(key.encode(), digest_size=10).hexdigest(),
            uri=row.uri,
            licence=row.licence,
            consent=row.consent,
            named_speaker=row.speaker,
            **clip,
        )

    def _check_unchanged(self, row: IngestInput) -> None:
        try:
            how = change_since(self.store, row.uri, row.size, row.mtime_ns)
        except FileNotFoundError:
            raise MediaError("gone", "the file has been deleted or moved since it was listed") from None
        if how:
            raise MediaError("changed", f"the file changed since it was probed ({how}); run again")


def _moments(pictures: VideoFrames[Picture]) -> Iterator[tuple[Moment, bool]]:
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
            yield Moment(frame, picture, shot, change, mark), cut
