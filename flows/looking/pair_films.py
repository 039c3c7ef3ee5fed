"""Pairs that play: clip, what was painted, companion, and their difference side by side, with the companion's sound."""

import io
from collections.abc import Sequence

import numpy as np

from flows.looking.rows import Shown, table_of
from storage.drawing.side_by_side import film_video
from storage.ledger.catalog import Catalog
from storage.ledger.table import Status
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from tasks.facemask import visible_mask
from tasks.masks import unpack
from tasks.pair_drawing import panels

COMPANION, FPS, RATE = "companion", 25.0, 16000
PARTS = (
    ("ingest", "video"), ("facemask", "face_masks"), ("occluders", "occluder_masks"), (COMPANION, "companion_video"),
)  # fmt: skip


def are_pairs(shown: Sequence[Shown]) -> bool:
    """Whether each of these rows has a companion, its own or one that it came through."""
    return all(_row(item, COMPANION) is not None for item in shown)


def pair_films(catalog: Catalog, shown: Sequence[Shown]) -> list[bytes]:
    """MP4 of each pair, four pictures beside each other."""
    read = []
    for stage, column in PARTS:
        row_ids = [row for item in shown if (row := _row(item, stage)) is not None]
        read.append([row[column] for row in table_of(catalog, stage).read(row_ids, [column])])
    return [_film(*parts) for parts in zip(*read, strict=True)]


def _row(item: Shown, stage: str) -> int | None:
    if item.stage == stage:
        return item.row["_rowid"] if item.row["status"] == Status.OK else None
    return item.way[stage]["_rowid"] if stage in item.way else None


def _film(video: bytes, face: bytes, occluded: bytes, companion: bytes) -> bytes:
    clip_FHWC, (other_FHWC, sound) = _frames(video), _frames_and_sound(companion)
    made = panels(clip_FHWC, visible_mask(unpack(face), unpack(occluded)), other_FHWC)
    return film_video({name: film_FHWC[None] for name, film_FHWC in made.items()}, [sound], FPS, RATE)


def _frames(video: bytes) -> np.ndarray:
    with open_media(io.BytesIO(video)) as media:
        return np.stack(list(decode_video(media)))


def _frames_and_sound(video: bytes) -> tuple[np.ndarray, np.ndarray]:
    with open_media(io.BytesIO(video)) as media:
        return _frames(video), decode_audio(media, rate=RATE).samples
