"""Looks at each listed file once: is it a video, what is in it, and what is its content's id.

The content id is a hash of the bytes, so a file that is renamed or moved stays the same item and nothing
after this stage runs again for it. Only the first frames are decoded; scores are the quality stage's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from infra.resources import Needs
from storage.media.container import Media, MediaError, open_media
from storage.sources import Source, change_since
from tasks.media_facts import check_has_video, duration_of, first_frame, picture_facts, sound_facts
from tasks.ranges import SourceSeconds, check_order
from tasks.source_parts import companion_content, content_id, pair_id, parts_of
from tasks.stage import Expand, Expanded, Rejected, StageConfig


class ProbeConfig(StageConfig):
    """Which files are read at all."""

    min_duration_s: float = Field(default=0.4, ge=0, le=7 * 86400)
    """Shorter videos hold no syllable."""
    max_duration_s: SourceSeconds = 24 * 3600.0
    """Longer ones are recordings to cut first, or a header that lies."""
    max_side: int = Field(default=8192, ge=16, le=16384)
    """Pixels of the longer side; larger headers are mistakes or attacks on memory."""
    max_bytes: int = Field(default=64 * 2**30, ge=1, le=2**50)
    """Larger files are not read at all."""
    part_seconds: SourceSeconds = 600.0
    """Longer sources are worked on in parts of this length, side by side; a clip ends where its part does."""
    need_audio: bool = False
    """Reject files without a sound track here; otherwise the verdict decides."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self, "min_duration_s", "max_duration_s")
        return self


@dataclass(frozen=True)
class ProbeRow:
    """A source, or a part of a long one, and what is in it."""

    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str
    container: str
    video_codec: str
    pix_fmt: str
    width: int
    """As shown: upright, with square pixels."""
    height: int
    rotation: int
    """Degrees clockwise that the picture is turned for showing."""
    sar: str
    fps: float
    duration_s: float
    """Of the whole source."""
    part: int
    part_start_s: float
    part_stop_s: float | None
    """None: to its end, whatever its header says."""
    frames: int
    """As declared, or estimated from the duration."""
    hdr: bool
    interlaced: bool
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    audio_start_s: float | None
    """Relative to the picture; positive when the sound starts late."""
    companion: str | None = None
    """The other half, where this is half of a pair made elsewhere."""
    companion_size: int | None = None
    companion_mtime_ns: int | None = None
    companion_content: str | None = None
    """Hash of its bytes."""
    origin: str | None = None


class Probe(Expand):
    """The stage: a listed file in, its parts out."""

    name = "probe"
    version = 2
    needs = Needs(cpus=0.5, batch=4, timeout_s=120)
    Config = ProbeConfig
    Input = Source
    Output = ProbeRow
    config: ProbeConfig

    def __call__(self, rows: Sequence[Source]) -> list[Expanded | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: Source) -> Expanded | Rejected:
        try:
            self._check_unchanged(row)
            self._check_size(row)
            other = companion_content(row, self.store, self.config.max_bytes)
            with self.store.open(row.uri) as file:
                content = content_id(file)
                with open_media(file, max_pixels=self.config.max_side**2) as media:
                    found = self._describe(media)
            self._check_unchanged(row)
        except FileNotFoundError:
            return Rejected(row.id, "gone", "the file has been deleted or moved since it was listed")
        except PermissionError:
            return Rejected(row.id, "unreadable", "permission denied; make the file readable and run again")
        except MediaError as error:
            return Rejected(row.id, error.code, str(error))
        if other == content:
            return Rejected(row.id, "companion_same", f"{row.companion} holds the same bytes: no lips differ")
        source = {name: getattr(row, name) for name in Source.__dataclass_fields__}
        found["companion_content"] = other
        item = pair_id(content, other) if other else content
        parts = parts_of(item, found, self.config.part_seconds)
        return Expanded(row.id, tuple(ProbeRow(**(source | found | part)) for part in parts))

    def _check_unchanged(self, row: Source) -> None:
        if how := change_since(self.store, row.uri, row.size, row.mtime_ns):
            raise MediaError("changed", f"the file changed while it was read ({how}); run again")

    def _check_size(self, row: Source) -> None:
        if row.size == 0:
            raise MediaError("empty", "the file has no content (0 bytes)")
        if row.size > self.config.max_bytes:
            raise MediaError("too_large", f"{row.size} bytes is above max_bytes {self.config.max_bytes}")

    def _describe(self, media: Media) -> dict[str, Any]:
        check_has_video(media)
        if media.audio is None and self.config.need_audio:
            raise MediaError("no_audio", "the file has no sound track, and this recipe needs speech")
        frame = first_frame(media)
        duration = duration_of(media)
        if media.video is not None and media.video.frames == 1:
            raise MediaError("too_short", "the video is a single frame")
        self._check_duration(duration)
        return picture_facts(media, frame, duration, self.config.max_side) | sound_facts(media)

    def _check_duration(self, seconds: float) -> None:
        low, high = self.config.min_duration_s, self.config.max_duration_s
        if seconds < low:
            raise MediaError("too_short", f"{seconds:.2f} s of video is below min_duration_s {low}")
        if seconds > high:
            raise MediaError("too_long", f"{seconds / 3600:.1f} h of video is above max_duration_s {high}")
