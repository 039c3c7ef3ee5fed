"""Stages that a recipe may leave out: switching them on or off computes nothing else, and moves nobody."""

from flows.recipe_files import load_recipe
from flows.recipe_weights import references_of
from storage.versions.version import member_rows
from tests.tasks.training.conftest import Rebuilt


def test_hearing_and_latents_are_computed_alone_and_all_else_is_reused(rebuilt: Rebuilt) -> None:
    assert "hearing" not in rebuilt.deaf.computed
    clips = rebuilt.deaf.version.manifest["rows"]
    assert clips >= 3
    added = {name: count for name, count in rebuilt.hearing.computed.items() if count}
    assert set(added) == {"hearing"}
    assert {name: count for name, count in rebuilt.latents.computed.items() if count} == {"latents": clips}


def test_members_and_splits_stay_as_they_are(rebuilt: Rebuilt) -> None:
    columns = ["item_id", "speakers_speaker", "speakers_split", "facemask_row", "ingest_row"]
    deaf, hearing, latents = (
        member_rows(ran.catalog, ran.version.tag, columns).to_pylist()
        for ran in (rebuilt.deaf, rebuilt.hearing, rebuilt.latents)
    )
    assert deaf == hearing == latents
    assert len({ran.version.tag for ran in (rebuilt.deaf, rebuilt.hearing, rebuilt.latents)}) == 3


def test_a_stage_is_switched_by_its_name_or_by_a_setting_of_its_own(tmp_path) -> None:
    assert load_recipe("world").latents is None
    assert load_recipe("world", ["hearing=off"]).hearing is None
    assert load_recipe("world", ["latents.stride=5"]).latents.stride == 5
    assert load_recipe("world", ["latents=on", "latents.frames=17"]).latents.frames == 17
    (tmp_path / "own.toml").write_text(
        'base = "world"\nhearing = false\ncompanion = false\n[latents]\nframes = 9\n'
    )
    own = load_recipe(str(tmp_path / "own.toml"))
    assert (own.hearing, own.latents.frames) == (None, 9)
    assert "mini:vae" in references_of(own)
    assert "mini:whisper" not in references_of(own)
