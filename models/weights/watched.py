"""Runs another program while it downloads into a folder, and tells how far it is by what lies there."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.weights.checks import check_space, filled
from models.weights.url import Progress

LOOK_S = 0.3


def run_watched(
    command: Sequence[str], env: Mapping[str, str], folder: Path, size: re.Pattern[str], progress: Progress
) -> tuple[bool, str]:
    """Returns whether the program ended well, and all that it said; `size` finds in that how much is to come."""
    log = folder / "log"
    with log.open("wb") as said:
        program = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        try:
            while _is_running(program):
                _tell(log.read_text(errors="replace"), size, folder, progress)
        finally:
            _end(program)
    return program.returncode == 0, log.read_text(errors="replace")


def _end(program: "subprocess.Popen[bytes]") -> None:
    """With what it has started: `pip` may be a script that starts pip."""
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _is_running(program: "subprocess.Popen[bytes]") -> bool:
    try:
        program.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _tell(said: str, size: re.Pattern[str], folder: Path, progress: Progress) -> None:
    total, have = sum(int(found) for found in size.findall(said)[-1:]), filled(folder)
    if total:
        check_space(folder, total - min(have, total))
    progress(min(have, total) if total else have, total)
