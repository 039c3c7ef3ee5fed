"""A SyncNet is looked at with what it does not learn from."""

from pathlib import Path

import pytest

from flows.training.data import Data
from flows.training.validation import find_validator
from models.mini.syncnet.windows import WorldLips, WorldPlan
from models.sync.net import PRESETS
from models.sync.syncnet import load
from models.weights.references import resolve
from storage.ledger.catalog import Catalog
from tasks.training.recipe import GeneratorRecipe, SyncNetRecipe
from tasks.training.sync_validation import SyncValidator


@pytest.mark.usefixtures("one_thread")
def test_the_shipped_syncnet_tells_strangers_in_sync_and_a_new_one_cannot(tmp_path: Path) -> None:
    plan = WorldPlan(people=3, first=100, sizes=PRESETS["mini"])
    validator = SyncValidator(WorldLips(plan, 25, 25, tmp_path), PRESETS["mini"], most=1)
    good = validator(load(resolve("mini:syncnet"))[0], 0).metrics
    assert next(iter(good)) == "in_sync_accuracy"
    assert good["in_sync_accuracy"] > 0.8


def test_people_of_the_world_are_looked_at_who_are_strangers(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    learnt = WorldLips(WorldPlan(people=25), 25, 12, tmp_path)
    found, why = find_validator(Catalog(str(tmp_path)), Data("world:people=25", learnt), SyncNetRecipe())
    assert isinstance(found, SyncValidator)
    assert not why
    assert not set(found.windows.ids) & set(learnt.ids)
    assert not isinstance(
        find_validator(Catalog(str(tmp_path)), Data("world:people=25", learnt), GeneratorRecipe())[0],
        SyncValidator,
    )
