"""How many training windows a second one core reads from a dataset version, beside loose files and a tar.

    python -m tests.perf batches

All sides give the same batches of the same clips, from the same disk's cache, turn by turn in one process; the best
of several turns counts. Clips of the small recipe: 64 pixels, a few seconds long.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from flows.demo.corpus import SEED, make_corpus
from flows.recipe_files import load_recipe
from flows.run.graph import stages_of
from tasks.training.clip_windows import ClipWindows
from tests.perf.line import Line, Say
from tests.perf.loose_files import from_files, from_tar, write_loose, write_tar
from tests.toy.inline import run_inline

TURNS, BATCH, BATCHES = 7, 16, 8
TAKES = {"width": 128, "height": 96, "min_seconds": 3.0, "max_seconds": 6.0, "occluded": 0.5, "close": 1.0}
PEOPLE = 24


def lines(say: Say) -> list[Line]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        say(f"a catalog of {PEOPLE} takes, with latents")
        pixels, latents = _opened(Path(folder))
        loose = Path(folder) / "loose"
        loose.mkdir()
        write_loose(latents.stored, loose)
        tar = write_tar(loose, len(latents.stored.clips))
        say(f"{BATCHES} batches of {BATCH} windows, {TURNS} times, in five ways")
        best = _best(pixels, latents, loose, tar)
    return [
        Line("pixels, windows/s/core", best["pixels"]),
        Line("  over PyAV on loose files", best["pixels"] / best["files"], "x", at_least=1.0),
        Line("  over tarfile, streamed", best["pixels"] / best["tar"], "x", note="1 window a clip"),
        Line("latents, windows/s/core", best["latents"]),
        Line("  over pixels", best["latents"] / best["pixels"], "x", at_least=2.0),
        Line("  over loose .npy, mmap", best["latents"] / best["npy"], "x"),
    ]


def _opened(folder: Path) -> tuple[ClipWindows, ClipWindows]:
    make_corpus(folder / "videos", people=PEOPLE, takes=1, seed=SEED, broken=0, **TAKES)
    root = folder / "catalog"
    plain, cached = (
        run_inline(
            folder / "videos", root, stages_of(load_recipe("world", [*settings, "companion=off"])), batch=8
        ).version.tag
        for settings in ([], ["latents=on"])
    )
    return ClipWindows(str(root), plain, "train"), ClipWindows(str(root), cached, "train")


def _best(pixels: ClipWindows, latents: ClipWindows, loose: Path, tar: Path) -> dict[str, float]:
    """Way -> windows a second in its best turn."""
    drawn = np.random.default_rng(0).integers(len(pixels), size=(BATCHES, BATCH)).tolist()
    places = [[latents.stored.places[sample] for sample in batch] for batch in drawn]
    others = [
        [
            latents.stored.places.another(latents.stored.places[sample], latents.ids[sample])
            for sample in batch
        ]
        for batch in drawn
    ]

    def ours(windows: ClipWindows) -> list[dict]:
        return [windows.__getitems__(batch) for batch in drawn]

    def theirs(cached: bool) -> list[dict]:
        return [from_files(loose, *pair, cached) for pair in zip(places, others, strict=True)]

    ways: dict[str, Callable[[], list[dict]]] = {
        "pixels": lambda: ours(pixels),
        "files": lambda: theirs(False),
        "tar": lambda: list(from_tar(tar, BATCH)),
        "latents": lambda: ours(latents),
        "npy": lambda: theirs(True),
    }
    _check_same(ways["pixels"](), ways["files"]())
    _check_same(ways["latents"](), ways["npy"]())
    best = dict.fromkeys(ways, 0.0)
    for _ in range(TURNS):
        for name, way in ways.items():
            begun = time.process_time()
            windows = sum(len(batch["audio_BFNA"]) for batch in way())
            best[name] = max(best[name], windows / (time.process_time() - begun))
    return best


def _check_same(ours: list[dict], theirs: list[dict]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        for name in one.keys() - {"id"}:
            torch.testing.assert_close(one[name], other[name])
