"""The same function without Ray: in this process, or in each process that torchrun started.

in_process(function, payload, tell, stop)     # a world of one
function(payload, local_channel())            # under torchrun
"""

import json
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from infra.launch.outcome import Ended, Function, fault_of

Stop = threading.Event | Callable[[], bool]


class LocalChannel:
    """Tells by a call, and remembers whether the function heard that it is to stop."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], stop: Callable[[], bool]) -> None:
        self.tell, self._stop = tell, stop
        self.heard = False

    def stopping(self) -> bool:
        self.heard = self.heard or self._stop()
        return self.heard


def in_process(function: Function, payload: Any, tell: Callable[[dict[str, Any]], None], stop: Stop) -> Ended:
    """One attempt, here and now; what `tell` raises ends it like an error of the function's."""
    channel = LocalChannel(tell, asked(stop))
    try:
        result = function(payload, channel)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is its outcome
        fault = fault_of(error, rank=0)
        return Ended("failed", 1, fault.line, detail=fault.detail)
    if channel.heard:
        return Ended("stopped", 1, "stopped as it was asked to", result)
    return Ended("finished", 1, result=result)


def local_channel(out: TextIO | None = None) -> LocalChannel:
    """Prints events as JSON, one a line; SIGTERM and Ctrl-C, which torchrun passes on, ask it to stop."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stop.set())

    def tell(event: dict[str, Any]) -> None:
        print(json.dumps(event, default=str), file=out or sys.stdout, flush=True)

    return LocalChannel(tell, stop.is_set)


def asked(stop: Stop) -> Callable[[], bool]:
    return stop.is_set if isinstance(stop, threading.Event) else stop
