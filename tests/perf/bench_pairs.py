"""What a step of the editor's first phase takes where the version keeps the latents of pairs, and where it doesn't.

    python -m tests.perf pairs

The same rebuilt pairs, rendered and painted, some of them relit, and the mini recipe of `structure` through the whole
loop, on one core. Steps on kept latents and steps that decode and encode both halves take turns.
"""

import tempfile
from pathlib import Path

import torch

from tasks.training.editor.pair_windows import ClipPairs
from tasks.training.editor.recipe import StructureRecipe
from tasks.training.job import Job
from tasks.training.loop import train
from tests.perf.bench_training import NEVER, Clock, seconds_of_steps
from tests.perf.line import Line, Say
from tests.tasks.training.editor.paired import rebuild_pairs

ROUNDS, STEPS = 3, 6
RECIPE = StructureRecipe(steps=NEVER, save_every=NEVER)


def lines(say: Say) -> list[Line]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        say("a catalog of four pairs, with latents of both halves in both lights")
        paired = rebuild_pairs(Path(folder))
        kept = ClipPairs(paired.root, paired.relit_kept.version.tag, "train")
        assert not kept.why_videos, kept.why_videos
        say(f"{ROUNDS} times {STEPS} steps of {RECIPE.batch} windows on latents and on videos, in turns")
        ways: dict[str, list[float]] = {"latents": [], "videos": []}
        for _ in range(ROUNDS):
            ways["latents"] += _steps(kept)
            ways["videos"] += _steps(kept.from_videos())
    latents, videos = (min(ways[name]) for name in ("latents", "videos"))
    return [
        Line("structure, a step on videos", videos, " s", note=f"{RECIPE.batch} pairs of 25 frames, 64 px"),
        Line("  on kept latents", latents, " s"),
        Line("  videos over latents", videos / latents, "x", at_least=1.2),
    ]


def _steps(windows: ClipPairs) -> list[float]:
    """CPU seconds of each step but the first, which warms up."""
    with tempfile.TemporaryDirectory() as folder:
        train(Job("bench", RECIPE, windows, folder, {}), clock := Clock(STEPS))
    return seconds_of_steps(clock)
