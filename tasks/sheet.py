"""A contact sheet: many items become one picture, a poster and a caption each.

The shortest stage of the third kind: rows in, one artifact out. It makes no row, so it has no table.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from storage.rows import Blob
from storage.sheet import contact_sheet
from tasks.probe import Probe
from tasks.quality import Quality
from tasks.stage import Reduce, StageConfig
from tasks.verdict import Verdict


class SheetConfig(StageConfig):
    columns: int = 5
    """Posters in a row."""
    limit: int = 60
    """Posters at most; more can't be looked at."""


@dataclass(frozen=True)
class SheetInput:
    id: str
    split: str
    poster: Blob
    uri: str


class Sheet(Reduce):
    name = "sheet"
    reads = (Verdict, Quality, Probe)
    Config, Input = SheetConfig, SheetInput
    config: SheetConfig

    def __call__(self, rows: Iterable[SheetInput]) -> bytes:
        """PNG."""
        captioned = [(row.poster, f"{row.uri.rsplit('/', 1)[-1]} {row.split}") for row in rows]
        return contact_sheet(captioned[: self.config.limit], self.config.columns)
