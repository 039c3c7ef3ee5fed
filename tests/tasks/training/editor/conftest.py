"""Two people of the procedural world, each with a rendered and a painted companion, filmed once for all tests."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from models.mini.editor.corpus import PairPlan, WorldPairs, filmed
from models.mini.shards import shard_file
from tests.tasks.training.editor.toys import described

PEOPLE = 2


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> WorldPairs:
    folder = tmp_path_factory.mktemp("pairs")
    plan = PairPlan(people=PEOPLE, first=300, silent=0.0, occluded=0.0)
    windows = WorldPairs(plan, folder)
    windows.folder.mkdir()
    save_file(filmed(plan, range(plan.first, plan.first + PEOPLE)), shard_file(windows.folder, plan.first, 0))
    return windows


@pytest.fixture(scope="session")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an editor of the preset mini that knows nothing, every number of it random."""
    torch.manual_seed(0)
    net = VideoDit(PRESETS["mini"])
    for tensor in net.parameters():
        torch.nn.init.normal_(tensor, std=0.05)
    file = tmp_path_factory.mktemp("editor") / "weights.safetensors"
    save_file(net.state_dict(), file, described(PRESETS["mini"]))
    return file
