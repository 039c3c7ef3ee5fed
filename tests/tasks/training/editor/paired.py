"""A small dataset of pairs, rebuilt for all tests that read a version of them: two rendered, two painted, three relit."""

from dataclasses import dataclass
from pathlib import Path

from flows.demo.takes import write_manifest, write_take
from flows.recipe_files import load_recipe
from flows.run.graph import stages_of
from storage.sources.takes import list_takes
from storage.store import Store
from tasks.render import Render, RenderConfig
from tests.toy.inline import Ran, run_inline

SMALL = RenderConfig(
    width=128, height=96, min_seconds=2.0, max_seconds=2.0, occluded=0.0, close=1.0, pairs=True
)
SETTINGS = ("pairverdict.identity=-1.0", "pairverdict.lip_distance=0.0", "latents=on")
SOME_RELIT = "relight.most_uneven=2.9"


@dataclass(frozen=True)
class Paired:
    root: str
    clips: Ran
    """Without pairs."""
    plain: Ran
    """Relighting left out."""
    relit: Ran
    plain_kept: Ran
    """As plain, with the latents of companions."""
    relit_kept: Ran
    """As relit, with the latents of companions and of the second light."""


def rebuild_pairs(folder: Path) -> Paired:
    """Renders and rebuilds it in a folder; some fifteen seconds."""
    render = Render(SMALL)
    render.setup(Store())
    takes = render(list_takes("world:people=2,takes=2"))
    lines = [write_take(folder, vars(made.rows[0])) for made in takes]  # type: ignore[union-attr]
    for line in lines[2:]:
        del line["companion"]
    write_manifest(folder / "videos", lines)
    root = folder / "catalog"

    def run(*settings: str) -> Ran:
        recipe = load_recipe("world", [*SETTINGS, *settings])
        return run_inline(folder / "videos", root, stages_of(recipe), batch=4)

    return Paired(
        str(root),
        run("companion=off"),
        run("relight=off"),
        run(SOME_RELIT),
        run("relight=off", "pairlatents=on", "relitlatents=on"),
        run(SOME_RELIT, "pairlatents=on", "relitlatents=on"),
    )
