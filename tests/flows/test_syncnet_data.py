"""What SyncNet is given to learn from when a training is asked for."""

import pytest

from flows.errors import RecipeError
from flows.training.data import find_data
from models.mini.syncnet.windows import WorldLips
from storage.ledger.catalog import Catalog
from tasks.training.recipe import SyncNetRecipe


def test_people_of_the_world_talk_for_three_windows_each(tmp_path) -> None:
    data = find_data(Catalog(str(tmp_path)), "world:people=30", SyncNetRecipe())
    assert isinstance(data.windows, WorldLips)
    assert data.windows.ids[:4] == [
        "world:1000000@0",
        "world:1000000@12",
        "world:1000000@24",
        "world:1000001@0",
    ]
    assert len(data.windows) == len(set(data.windows.ids)) == 90
    assert data.prepare is not None
    assert len(data.windows.beginning()) == 75, "a look at them reads one file"


def test_more_people_are_the_same_and_some_and_other_sizes_are_others(tmp_path) -> None:
    few, many, large = (
        find_data(Catalog(str(tmp_path)), f"world:people={people}", SyncNetRecipe(preset=preset))
        for people, preset in ((30, "mini"), (60, "mini"), (30, "public"))
    )
    assert few.digest == many.digest != large.digest


def test_windows_longer_than_people_talk_are_refused_with_the_remedy(tmp_path) -> None:
    with pytest.raises(
        RecipeError, match="talk for 50 frames, and frames is 75; set fewer, or give a version"
    ):
        find_data(Catalog(str(tmp_path)), "world:people=30", SyncNetRecipe(frames=75))
