"""A worker's black box: which items it is at, and its last words when it dies or hangs.

Ray says that a process is gone, but neither why nor at which item. So each worker keeps a small file
with the ids of the batch it is at; Python's faulthandler adds the stack on a fatal signal. The same
handler is the watchdog: its C thread dumps the stack and ends the process when a batch takes too long,
even if the code that hangs never gives the interpreter back. The driver reads the file after the death.
"""

import faulthandler
import json
import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""faulthandler's words for a fatal signal."""


LONGEST_S = 30 * 24 * 3600.0
"""faulthandler overflows on what a large batch of slow items would be allowed."""


class BlackBox:
    """The worker's side."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        faulthandler.enable(file=self._fd, all_threads=False)

    @contextmanager
    def at(self, ids: Sequence[str], seconds: float) -> Iterator[None]:
        """While inside, a death is these items' doing; after `seconds`, a month at most, the process ends itself."""
        os.ftruncate(self._fd, 0)
        os.write(self._fd, json.dumps(ids).encode() + b"\n")
        faulthandler.dump_traceback_later(min(seconds, LONGEST_S), exit=True, file=self._fd)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.ftruncate(self._fd, 0)

    def die(self, error: BaseException) -> NoReturn:
        """End a process that is of no use any more, with the error as its last words."""
        os.write(self._fd, "".join(traceback.format_exception(error, limit=-8)).encode())
        os._exit(1)


@dataclass(frozen=True)
class LastWords:
    """The driver's side: what was found in the file."""

    ids: frozenset[str]
    """The items the worker was at; none if it died between two batches."""
    text: str

    @property
    def hung(self) -> bool:
        return self.text.startswith("Timeout (")

    @property
    def cause(self) -> str | None:
        """`SIGSEGV`, or the last line of an error that made the process useless."""
        for words, signal in SIGNALS.items():
            if f"Fatal Python error: {words}" in self.text:
                return f"signal {signal}"
        lines = [] if self.hung else self.text.strip().splitlines()
        return lines[-1] if lines and not lines[0].startswith("Fatal") else None


def read(path: str) -> LastWords:
    """Runs on the node where the worker was."""
    found = Path(path).read_text(errors="replace")
    if not found.startswith("["):
        return LastWords(frozenset(), found)
    ids, _, text = found.partition("\n")
    return LastWords(frozenset(json.loads(ids)), text)
