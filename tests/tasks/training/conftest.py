"""A small dataset, rebuilt once for all tests that read training windows: without hearing, with it, with latents."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.demo.corpus import SEED, make_corpus
from flows.recipe_files import load_recipe
from flows.run.graph import stages_of
from models.dit.presets import PRESETS
from tests.tasks.training.toy import TINY
from tests.toy.inline import Ran, run_inline

TAKES = {"width": 128, "height": 96, "min_seconds": 2.2, "max_seconds": 4.0, "occluded": 0.5, "close": 1.0}


@dataclass(frozen=True)
class Rebuilt:
    root: str
    deaf: Ran
    """Hearing left out."""
    hearing: Ran
    latents: Ran


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Rebuilt:
    folder = tmp_path_factory.mktemp("training")
    make_corpus(folder / "videos", people=4, takes=1, seed=SEED, broken=0, **TAKES)
    root = folder / "catalog"

    def run(*settings: str) -> Ran:
        clips = load_recipe("world", [*settings, "companion=off"])
        return run_inline(folder / "videos", root, stages_of(clips), batch=4)

    return Rebuilt(str(root), run("hearing=off"), run(), run("latents=on"))


@pytest.fixture(scope="session")
def catalog(rebuilt: Rebuilt) -> str:
    return rebuilt.root


@pytest.fixture(scope="session")
def videos(rebuilt: Rebuilt) -> Path:
    return Path(rebuilt.root).parent / "videos"


@pytest.fixture(autouse=True)
def _tiny_is_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a test runs; processes that it forks have it too."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
