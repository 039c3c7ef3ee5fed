"""How far an export is: what is whole in its folder, of how much."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Progress:
    files: int
    bytes: int
    """Of blobs: what a tar or a table adds to them isn't counted."""
    files_whole: int = 0
    bytes_whole: int = 0
    found: int = 0
    """Files that an earlier run had written."""


Say = Callable[[Progress], None]


class Tally:
    def __init__(self, files: int, size: int, say: Say) -> None:
        self.now, self._say, self._lock = Progress(files, size), say, threading.Lock()

    def found(self, files: int, size: int) -> None:
        self.now = replace(self.now, files_whole=files, bytes_whole=size, found=files)
        self._say(self.now)

    def add(self, files: int, size: int) -> None:
        with self._lock:
            now = self.now
            self.now = replace(now, files_whole=now.files_whole + files, bytes_whole=now.bytes_whole + size)
            self._say(self.now)

    @property
    def left(self) -> int:
        return self.now.bytes - self.now.bytes_whole

    def kept(self) -> str:
        now = self.now
        return f"the {now.files_whole} of {now.files} files that are whole ({now.bytes_whole / 1e6:,.1f} MB) are kept"
