"""By which signal this process was asked to stop, for the exit code that shells and service managers expect."""

import signal

WISHES = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what systemd, Kubernetes and `timeout` send."""
_asked: list[int] = []


def note(number: int) -> None:
    """Remembers a signal that ends this process once what is done is safe."""
    _asked.append(number)


def exit_code() -> int:
    """128 and the number of the signal: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_asked[-1] if _asked else signal.SIGINT)
