"""Puts a clip and its companion under one and the same change of light, so that an editor learns to leave light alone.

Only evenly lit clips are taken: where one half of a face is dark already, more light on it looks painted on. What
changes is drawn from the clip's id and these settings, and stands in the row as numbers; `models.light.change.gain`
makes the light anew from them. V and V' as they were stay where they are, in ingest and companion.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from infra.resources import Needs
from models.light.change import LightChange, relit
from models.light.draw import KINDS, Kind, Ranges, draw_change, exposed
from models.light.unevenness import Unevenness, unevenness
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.media.images import encode_jpeg
from tasks.companion import Companion
from tasks.facemask import FaceMask, visible_mask
from tasks.ingest import Ingest
from tasks.masks import unpack
from tasks.occluders import Occluders
from tasks.stage import Annotate, StageConfig

LOOKED_AT = 12
"""Frames, evenly spread, by which the light is judged."""
RATE = 16000
POSTER_PX = 160
HASHES = 1 << 63
WHICH_AND_HOW_STORED = {"share", "most_uneven", "crf"}
"""Settings on which no light depends: when more clips are relit, the others keep theirs."""


class RelightConfig(StageConfig):
    """Which clips are relit, and how strong the light may change; a stop is a factor of two."""

    share: float = Field(default=1.0, ge=0.0, le=1.0)
    """Of the evenly lit clips, those that are relit; which ones follows from their ids."""
    most_uneven: float = Field(default=1.5, gt=0.0, le=10.0)
    """Stops by which the light on a face may differ for the clip to count as evenly lit."""
    kinds: list[Kind] = Field(default=list(KINDS), min_length=1)
    """What may change."""
    chance: float = Field(default=0.5, gt=0.0, le=1.0)
    """Of each kind to be there; where none comes up, one is taken."""
    direction_stops: float = Field(default=0.8, gt=0.0, le=2.0)
    """At most so much brighter at one edge of the picture than in the middle."""
    colour_stops: float = Field(default=0.4, gt=0.0, le=1.0)
    """Most of red over blue, and back."""
    flicker_stops: float = Field(default=0.2, gt=0.0, le=1.0)
    """At most so much darker for a moment."""
    spot_stops: float = Field(default=0.8, gt=0.0, le=2.0)
    """Most of a disc of light or shadow that travels."""
    hertz: float = Field(default=0.25, gt=0.0, le=1.0)
    """The fastest slow movement; flicker is quicker."""
    most_clipped: float = Field(default=0.01, ge=0.0, le=0.2)
    """Share of the colours that may turn white; the whole is darkened until no more do."""
    crf: int = Field(default=16, ge=0, le=40)
    """Of both videos; lower is better and larger."""

    @model_validator(mode="after")
    def _names_each_kind_once(self) -> Self:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"relight.kinds names a kind twice: {', '.join(self.kinds)}; name each once")
        return self

    def ranges(self) -> Ranges:
        names = ("direction_stops", "colour_stops", "flicker_stops", "spot_stops", "hertz", "chance")
        return Ranges(**{name: getattr(self, name) for name in names}, kinds=tuple(self.kinds))


@dataclass(frozen=True)
class RelightInput:
    """A clip and its companion, and where the face is."""

    id: str
    fps: float
    video: Blob
    audio: Blob | None
    face_masks: Blob
    occluder_masks: Blob
    companion_video: Blob
    companion_audio: Blob


@dataclass(frozen=True, kw_only=True)
class RelightRow(LightChange):
    """How evenly a clip is lit, and the light that was put on it: also every number of LightChange."""

    id: str
    unevenness: float | None
    """Stops (models/light/unevenness.py); None where too little of the face is visible to say."""
    relit: bool
    light: str
    """What changes, joined by +: direction, colour, flicker, spot; "" where it was not relit."""
    relit_video: Blob | None
    """MP4: V in the new light, with its own sound."""
    relit_companion_video: Blob | None
    """MP4: V' in the same light, with its own sound."""
    poster: Blob | None
    """JPEG: three moments of V, of V relit and of V' relit."""


class Relight(Annotate):
    """The stage: a pair in, the same pair in another light out, where it was evenly lit."""

    name = "relight"
    reads = (Companion, FaceMask, Occluders, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=600, memory_gb=1.0)
    Config = RelightConfig
    Input = RelightInput
    Output = RelightRow
    config: RelightConfig

    def __call__(self, rows: Sequence[RelightInput]) -> list[RelightRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: RelightInput) -> RelightRow:
        rgb_FHWC = _frames(row.id, row.video)
        visible_FHW = _visible(row, rgb_FHWC.shape[:3])
        some_N = np.linspace(0, len(rgb_FHWC) - 1, min(LOOKED_AT, len(rgb_FHWC))).round().astype(int)
        found = unevenness(rgb_FHWC[some_N], visible_FHW[some_N])
        seed = _number(row.id, self.config.model_dump_json(exclude=WHICH_AND_HOW_STORED))
        if not self.wanted(row.id, found):
            return _row(row.id, found, LightChange(seed=seed))
        change = draw_change(seed, self.config.ranges())
        seconds = [float(frame) / row.fps for frame in some_N]
        change = exposed(change, rgb_FHWC[some_N], seconds, self.config.most_clipped)
        return self._relit(row, rgb_FHWC, found, change)

    def wanted(self, row_id: str, found: Unevenness | None) -> bool:
        """The share grows by clips: a larger one has all that a smaller one had."""
        even = found is not None and found.score <= self.config.most_uneven
        return even and _number("relit", row_id) < self.config.share * HASHES

    def _relit(
        self, row: RelightInput, rgb_FHWC: np.ndarray, found: Unevenness | None, change: LightChange
    ) -> RelightRow:
        other_FHWC = _frames(row.id, row.companion_video)
        if other_FHWC.shape != rgb_FHWC.shape:
            raise ValueError(
                f"clip {row.id} is {rgb_FHWC.shape[:3]} (frames, height, width), its companion "
                f"{other_FHWC.shape[:3]}; make the companion again from this clip"
            )
        blobs = (
            self._encoded(change, rgb_FHWC, row.fps, row.audio),
            self._encoded(change, other_FHWC, row.fps, row.companion_audio),
            _poster(change, rgb_FHWC, other_FHWC, row.fps),
        )
        return _row(row.id, found, change, blobs)

    def _encoded(self, change: LightChange, rgb_FHWC: np.ndarray, fps: float, flac: bytes | None) -> bytes:
        sound = None if flac is None else _sound(flac)
        return encode_video(None, _lit(change, rgb_FHWC, fps), fps, sound, RATE, crf=self.config.crf)


def _row(
    row_id: str,
    found: Unevenness | None,
    change: LightChange,
    blobs: Sequence[bytes | None] = (None, None, None),
) -> RelightRow:
    """`blobs`: V relit, V' relit and the poster."""
    return RelightRow(
        id=row_id,
        unevenness=found.score if found else None,
        relit=blobs[0] is not None,
        light="+".join(change.kinds()),
        relit_video=blobs[0],
        relit_companion_video=blobs[1],
        poster=blobs[2],
        **asdict(change),
    )


def _visible(row: RelightInput, shape: tuple[int, ...]) -> np.ndarray:
    face_FHW, occluded_FHW = unpack(row.face_masks), unpack(row.occluder_masks)
    if not face_FHW.shape == occluded_FHW.shape == shape:
        raise ValueError(
            f"clip {row.id} is {shape} (frames, height, width), its masks are {face_FHW.shape} of the face and "
            f"{occluded_FHW.shape} of what is before it; make them again from this clip"
        )
    return visible_mask(face_FHW, occluded_FHW)


def _number(*words: str) -> int:
    """Below HASHES, the same on every machine."""
    return int.from_bytes(sha256("\0".join(words).encode()).digest()[:8], "big") >> 1


def _lit(change: LightChange, rgb_FHWC: np.ndarray, fps: float) -> Iterator[np.ndarray]:
    return (relit(change, rgb_HWC, frame / fps) for frame, rgb_HWC in enumerate(rgb_FHWC))


def _frames(row_id: str, video: bytes) -> np.ndarray:
    with open_media(io.BytesIO(video)) as media:
        frames = list(decode_video(media)) if media.video is not None else []
    if not frames:
        raise ValueError(f"clip {row_id} or its companion has no picture; make it again")
    return np.stack(frames)


def _sound(flac: bytes) -> np.ndarray:
    with open_media(io.BytesIO(flac)) as media:
        return decode_audio(media, rate=RATE).samples


def _poster(change: LightChange, rgb_FHWC: np.ndarray, other_FHWC: np.ndarray, fps: float) -> bytes:
    step = -(-rgb_FHWC.shape[1] // POSTER_PX)
    columns = []
    for share in (0.1, 0.5, 0.9):
        frame = round(share * (len(rgb_FHWC) - 1))
        lit = [relit(change, one_FHWC[frame], frame / fps) for one_FHWC in (rgb_FHWC, other_FHWC)]
        columns.append(np.concatenate([one_HWC[::step, ::step] for one_HWC in (rgb_FHWC[frame], *lit)]))
    return encode_jpeg(np.concatenate(columns, axis=1), 92)
