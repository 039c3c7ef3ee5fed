"""Stages of a recipe that read what another has kept are refused at load where that one keeps it not."""

import pytest

from flows.errors import RecipeError
from flows.recipe_files import load_recipe


@pytest.mark.parametrize("face", ["yunet", "mini"])
def test_what_reads_the_mesh_needs_a_network_that_sees_one(face):
    with pytest.raises(
        RecipeError, match=r"head=mesh and .*signs read .* set ingest.face to mesh or mediapipe"
    ):
        load_recipe("real", [f"ingest.face={face}"])
    assert load_recipe("real", ["ingest.face=mediapipe"]).facemask.head == "mesh"
    other = ["facemask.head=mini", "facemask.head_model=mini:head", "occluders.segmenter=sam2"]
    assert (
        load_recipe("real", [f"ingest.face={face}", *other, "occluders.model=mini:sam2"]).ingest.face == face
    )
