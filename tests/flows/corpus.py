"""The `redub` command in a process of its own, on a folder with a corpus and a published version of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from flows.demo.corpus import SHORT, make_corpus

ITEMS = 12
CLIPS = ("--recipe", "clips.toml")


def redub(*arguments: object, cwd: Path, check: bool = True, env: dict[str, str] | None = None) -> str:
    """In a process of its own, with the embedded Prefect server if `env` names none."""
    done = subprocess.run(
        [sys.executable, "-m", "flows", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=1200, env={**(env or os.environ), "COLUMNS": "80"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert (done.returncode == 0) == check, said
    return said


def publish_corpus(folder: Path) -> Path:
    """Videos, a recipe of clips, and `v1` in the default catalog."""
    make_corpus(folder / "videos", people=2, takes=3, broken=ITEMS - 6, **SHORT)
    (folder / "clips.toml").write_text(
        "base = 'world'\ncompanion = false\n"
    )  # without pairs a rebuild takes half as long
    first = redub("rebuild", "--source", "videos", *CLIPS, cwd=folder)
    assert "Dataset v1 published" in first
    assert re.search(r"sources .* 12 ", first)
    return folder
