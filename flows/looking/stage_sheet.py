"""Looking: any stage's rows on a picture (PNG), and as clips side by side (mp4)."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.looking.pair_films import are_pairs, pair_films
from flows.looking.rows import MOVING, STILL, Order, Shown, blobs, own_values, posters_of, rows_to_show
from storage.drawing.contact_sheet import contact_sheet, stacked, stills
from storage.drawing.mosaic import mosaic
from storage.ledger.catalog import Catalog
from storage.ledger.table import Status
from storage.media.container import MediaError

COLUMNS, WIDTH = 5, 320
"""Cards in a row, and pixels they are wide at least: room for a file's name."""
SIDE, PAIR_SIDE = 192, 384
"""Pixels that a clip that plays is wide; a pair is four pictures beside each other."""
PLAYING = 25
"""Clips in a mosaic at most: as many fit a screen, and as many decoders run at once."""


@dataclass(frozen=True)
class Written:
    shown: int
    sheet: Path
    mosaic: Path | None
    """None when it wasn't asked for, or none of the rows has a video."""


def stage_sheet(
    catalog: Catalog,
    stage: str,
    sheet_path: Path,
    mosaic_path: Path | None,
    *,
    only: str = "ok",
    limit: int = 60,
    columns: Sequence[str] = (),
    pictures: Sequence[str] = (),
    order: Order | None = None,
) -> Written:
    """Show a stage's rows of the newest rebuild: `only` ok, rejected or quarantined; captions tell why, or
    `columns` (the stage's own that fit, if none is named). `pictures` names the stages whose are shown, one below
    the other (the nearest that has any, if none is named). `order`: from which end of which column; else spread."""
    shown = rows_to_show(catalog, stage, only, limit, order)
    said = _said(catalog, stage, shown, only, columns)
    captions = [f"{item.name}\n{text}" for item, text in zip(shown, said, strict=True)]
    jpegs = _stacks(catalog, shown, pictures) if pictures else _nearest(catalog, shown)
    sheet_path.write_bytes(contact_sheet(list(zip(jpegs, captions, strict=True)), COLUMNS, WIDTH))
    if mosaic_path is None:
        return Written(len(shown), sheet_path, None)
    # A clip's card is narrow: the code, or the first of the values, must do.
    videos = zip(_moving(catalog, shown[:PLAYING]), shown, said, strict=False)
    playing = [(v, f"{item.name}\n{re.split('[:,]', text)[0]}") for v, item, text in videos if v is not None]
    if not playing:
        return Written(len(shown), sheet_path, None)
    side = PAIR_SIDE if are_pairs(shown) else SIDE
    mosaic_path.write_bytes(mosaic(playing, COLUMNS, side, heard=0))
    return Written(len(shown), sheet_path, mosaic_path)


def _moving(catalog: Catalog, shown: Sequence[Shown]) -> Sequence[bytes | None]:
    return pair_films(catalog, shown) if are_pairs(shown) else blobs(catalog, shown, MOVING)


def _said(
    catalog: Catalog, stage: str, shown: Sequence[Shown], only: str, columns: Sequence[str]
) -> list[str]:
    if only == Status.OK:
        return own_values(catalog, stage, shown, columns)
    return [f"{item.row['code'] or 'raised'}: {item.row['reason']}" for item in shown]


def _stacks(catalog: Catalog, shown: Sequence[Shown], stages: Sequence[str]) -> list[bytes | None]:
    columns = [posters_of(catalog, shown, stage) for stage in stages]
    return [stacked(jpegs) for jpegs in zip(*columns, strict=True)]


def _nearest(catalog: Catalog, shown: Sequence[Shown]) -> list[bytes | None]:
    """Posters; where no stage has one, stills of the nearest video, or of the source's own file."""
    posters = blobs(catalog, shown, STILL)
    return [poster or _stills(catalog, item) for item, poster in zip(shown, posters, strict=True)]


def _stills(catalog: Catalog, item: Shown) -> bytes | None:
    """None for what has no picture to show, which may be the very reason why it was rejected."""
    (video,) = blobs(catalog, [item], MOVING)
    uri = item.fact(("uri",))
    if video is None and uri is None:
        return None
    try:
        with io.BytesIO(video) if video is not None else catalog.store.open(uri) as file:
            return stills(file)
    except (MediaError, OSError):
        return None
