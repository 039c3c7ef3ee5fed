"""Turns a source into clips: one shot, one speaker, the face in the middle, 25 frames a second.

One decode pass a source. Its shots are found as it goes, the faces in them are followed, and for each face
a steady square around it is scaled and encoded, with the sound of the same span.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from infra.resources import Needs
from models.faces import load_face, load_identity
from models.faces.face import Embedder, FaceBackend
from models.weights.digests import digest
from models.weights.several import several
from storage.ledger.rows import Blob
from storage.media.container import MediaError
from storage.sources import change_since
from storage.store import Store
from tasks.face_packages import packages_of
from tasks.ingest.config import IngestConfig
from tasks.ingest.tally import Tally
from tasks.probe import Probe
from tasks.stage import Expand, Expanded, Rejected


@dataclass(frozen=True)
class ClipRow:
    """One clip: where it is from, what is known of it, and the clip itself."""

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
    part: int
    """Which part of a long source; numbers of shots and tracks begin anew in each."""
    frames: int
    fps: float
    shot: int
    """Number of the shot, from 0."""
    track: int
    """Number of the face, from 0."""
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
    """NPZ of the face, frame by frame (tasks/ingest/track_data.py)."""
    poster: Blob
    """JPEG: three frames side by side."""
    source_width: int | None = None
    source_height: int | None = None
    source_fps: float | None = None
    source_s: float | None = None
    """Length of the whole source."""
    companion: str | None = None
    """The other half that the source was given with, by which it is half of a pair; and the hash of its bytes."""
    companion_content: str | None = None
    origin: str | None = None
    """How that half was made: rendered or imported."""
    agreement: float | None = None
    """Least cosine between who is seen before and after any moment of it; None where too little of a face is seen."""


@dataclass(frozen=True)
class IngestInput:
    """What of a probed source is needed; a long one comes in parts."""

    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str
    part: int
    part_start_s: float
    part_stop_s: float | None
    width: int
    height: int
    fps: float
    duration_s: float
    companion: str | None
    companion_content: str | None
    origin: str | None


class Ingest(Expand):
    """The stage: a source in, its clips out."""

    name = "ingest"
    reads = (Probe,)
    version = 4
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
        references = [*several(self.config.face_model), self.config.identity_model]
        return {reference: digest(reference) for reference in references if reference}

    def packages(self) -> dict[str, str]:
        return packages_of(self.config.face)

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
        return Rejected(row.id, *tally.reason(self.config))

    def clips(self, row: IngestInput, tally: Tally) -> Iterator[ClipRow]:
        """Makes the rows one by one, as the source goes by."""
        # Whoever only reads a recipe should not wait for numba to be imported.
        from tasks.ingest.source_pass import SourcePass

        one_pass = SourcePass(self.store, self.config, self.face, self.identity, tally)
        for clip in one_pass.clips(row.uri, (row.part_start_s, row.part_stop_s)):
            yield self._row(row, clip)
        self.tracker_s += one_pass.tracker_s

    def _row(self, row: IngestInput, clip: dict[str, Any]) -> ClipRow:
        shared = clip.pop("shared")
        clip["start_s"] += row.part_start_s
        key = f"{row.id} {clip['start_s']:.3f} {clip['frames']}" + (f" {clip['track']}" if shared else "")
        return ClipRow(
            id=blake2b(key.encode(), digest_size=10).hexdigest(),
            uri=row.uri,
            licence=row.licence,
            consent=row.consent,
            named_speaker=row.speaker,
            part=row.part,
            source_width=row.width,
            source_height=row.height,
            source_fps=row.fps,
            source_s=row.duration_s,
            companion=row.companion,
            companion_content=row.companion_content,
            origin=row.origin,
            **clip,
        )

    def _check_unchanged(self, row: IngestInput) -> None:
        try:
            how = change_since(self.store, row.uri, row.size, row.mtime_ns)
        except FileNotFoundError:
            raise MediaError("gone", "the file has been deleted or moved since it was listed") from None
        if how:
            raise MediaError("changed", f"the file changed since it was probed ({how}); run again")
