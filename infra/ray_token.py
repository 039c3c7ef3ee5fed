"""Gives a Ray that is started here its token where Ray could not write one: where the home folder is read-only."""

import os
import uuid
from pathlib import Path

GIVEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def give_token() -> None:
    """Ray would write one to ~/.ray/auth_token, and end with a traceback; processes that it starts inherit this one."""
    folder = Path("~/.ray").expanduser()
    if any(name in os.environ for name in GIVEN) or _readable(folder / "auth_token") or _writable(folder):
        return
    os.environ[GIVEN[0]] = uuid.uuid4().hex


def _readable(file: Path) -> bool:
    return os.access(file, os.R_OK)


def _writable(folder: Path) -> bool:
    there = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), Path("/"))
    return os.access(there, os.W_OK | os.X_OK)
