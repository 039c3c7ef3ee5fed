"""A contact sheet: many items become one picture, a poster and a caption each.

The shortest stage of the third kind: rows in, one artifact out. It makes no row, so it has no table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from storage.rows import Blob
from storage.sheet import contact_sheet
from tasks.ingest import Ingest
from tasks.stage import Reduce, StageConfig
from tasks.verdict import Verdict


class SheetConfig(StageConfig):
    columns: int = 5
    """Posters in a row."""
    limit: int = 60
    """Posters at most; more can't be looked at."""
    min_width: int = 320
    """Pixels a poster is wide at least; small ones are enlarged, so that captions fit."""


@dataclass(frozen=True)
class SheetInput:
    id: str
    split: str
    speaker: str
    poster: Blob
    uri: str


class Sheet(Reduce):
    name = "sheet"
    reads = (Verdict, Ingest)
    Config, Input = SheetConfig, SheetInput
    config: SheetConfig

    def __call__(self, rows: Iterable[SheetInput]) -> bytes:
        """PNG."""
        captioned = [
            (row.poster, f"{row.uri.rsplit('/', 1)[-1]}\n{row.split}, {row.speaker}")
            for row in islice(rows, self.config.limit)
        ]
        return contact_sheet(captioned, self.config.columns, self.config.min_width)
