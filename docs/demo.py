"""Makes the pictures of a finished `make demo`: docs/demo.svg, docs/pairs.jpg and docs/masks.jpg.

python docs/demo.py
"""

import io
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from flows.demo import demo, editing
from flows.terminal import console as terminal
from flows.terminal import versions
from storage.ledger.catalog import Catalog
from storage.media.images import decode_image
from storage.versions.version import load_version

FOLDER, DOCS = Path("redub-data/demo"), Path(__file__).parent


def terminal_picture(catalog: str) -> None:
    """The end of what the command prints, as a terminal shows it."""
    recorder = Console(record=True, width=80, force_terminal=True, highlight=False, file=io.StringIO())
    for module in (terminal, versions, demo, editing):
        module.console = recorder  # type: ignore[attr-defined]
    editing.waiting = lambda what: nullcontext(recorder.print(f"{what} ..."))  # type: ignore[attr-defined]
    recorder.print("[bold]$ make demo[/]")
    recorder.print(f"Rendering 24 videos of 8 people into {FOLDER}/videos ...")
    recorder.print("Spoiling copies of some of them, each in another way ...")
    version, _ = load_version(Catalog(catalog), "v1")
    versions.show_version(type(version)(version.tag, version.manifest, new=True), catalog)
    pairs, masks = demo.pictures(Catalog(catalog), FOLDER)
    editing.compare()
    demo.say_what_next(catalog, pairs, masks, FOLDER / "dub" / editing.BESIDE)
    recorder.save_svg(str(DOCS / "demo.svg"), title="redub demo")


def first_row(sheet: np.ndarray) -> np.ndarray:
    """Down to the first stripe of paper that goes all the way across."""
    paper = sheet[0, 0]
    stripes = np.flatnonzero((sheet == paper).all((1, 2)))
    end = stripes[np.flatnonzero(np.diff(stripes) > 1)[1:2]]
    return sheet[: int(end[0]) if len(end) else len(sheet)]


if __name__ == "__main__":
    terminal_picture(str(FOLDER / "catalog"))
    for name in ("pairs", "masks"):
        row_HWC = first_row(decode_image((FOLDER / f"{name}.png").read_bytes()))
        Image.fromarray(row_HWC).save(DOCS / f"{name}.jpg", quality=82)
