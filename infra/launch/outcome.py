"""The words that a launch and its callers share: what the function is given, and how it all ended.

`function(payload, channel)` is called on every worker, and again after a failure: it goes on from what it
has saved by itself. An exception whose class says `final = True` is a refusal, and is not tried again.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

OURS = (str(Path(__file__).parent), "/ray/")
LONGEST_LINE = 500
LONGEST_DETAIL = 8000


class Channel(Protocol):
    """What a worker says and hears. Both are cheap enough for every step."""

    def tell(self, event: dict[str, Any]) -> None:
        """Send plain values to whoever launched this. Does not wait."""

    def stopping(self) -> bool:
        """Whether to save and return: a person cancelled, the node is about to go, or nobody listens any more.

        Workers may learn of it some steps apart, so those that compute together agree on it first."""


Function = Callable[[Any, Channel], Any]


@dataclass(frozen=True)
class Ended:
    state: Literal["finished", "stopped", "failed"]
    attempts: int
    """How often the function was started."""
    message: str = ""
    """One sentence for a person, unless it finished."""
    result: Any = None
    """What the function of rank 0 returned."""
    detail: str = ""
    """The traceback of the worker that failed, or what is known of its death."""


@dataclass(frozen=True)
class Fault:
    """Why an attempt failed."""

    line: str
    detail: str
    final: bool = False


class LaunchError(ValueError):
    """A launch that cannot begin; says what to do."""


def fault_of(error: BaseException, rank: int) -> Fault:
    line = traceback.format_exception_only(error)[-1].strip()[:LONGEST_LINE]
    return Fault(f"{line} (rank {rank})", _compact(error), bool(getattr(error, "final", False)))


def _compact(error: BaseException) -> str:
    """The function's own frames: ours and Ray's led there and say nothing."""
    frames = error.__traceback__
    while frames is not None and any(ours in frames.tb_frame.f_code.co_filename for ours in OURS):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))[-LONGEST_DETAIL:]
