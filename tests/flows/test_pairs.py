"""From videos to a version of pairs, with the real stages: what a change computes again, and what it leaves alone."""

from pathlib import Path
from typing import Any

import pytest

from flows.demo.corpus import SHORT, make_corpus
from flows.looking.rows import Order
from flows.looking.stage_sheet import stage_sheet
from flows.recipes import PAIRS, RECIPES, Recipe
from flows.run.graph import nodes_of, stages_of
from flows.run.planning import make_plan
from infra.profiles import load_profile
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.sources import list_sources
from storage.store import Store
from storage.versions.lineage import trace
from storage.versions.version import load_version
from tests.toy.inline import Ran, run_inline

pytestmark = pytest.mark.usefixtures("one_thread")
CLIPS = 6
MADE = [name for name in PAIRS if name in RECIPES["world"].configs()]
"""Without the stages that are left out unless asked for."""
MINI = RECIPES["world"]
# Lips of little clips of 64 pixels move little; here every pair that can be made counts.
ALL = MINI.model_copy(
    update={"pairverdict": MINI.pairverdict.model_copy(update={"identity": None, "lip_distance": None})}
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "videos"
    return make_corpus(folder, people=3, takes=2, broken=0, **SHORT)


@pytest.fixture(scope="module")
def ran(videos: Path) -> Ran:
    return rebuilt(videos, ALL)


def rebuilt(videos: Path, recipe: Recipe) -> Ran:
    return run_inline(videos, videos.parent / "catalog", stages_of(recipe), batch=2)


def rows_of(ran: Ran, tag: str = "v1") -> list[dict[str, Any]]:
    return load_version(ran.catalog, tag)[1].to_table().to_pylist()


def test_each_clip_has_a_companion_that_says_what_its_speaker_said_elsewhere(ran: Ran) -> None:
    rows = rows_of(ran)
    assert len(rows) == CLIPS
    said_by = {row["item_id"]: row["speakers_speaker"] for row in rows}
    for row in rows:
        assert row["partner_partner"] != row["item_id"]
        assert said_by[row["partner_partner"]] == row["speakers_speaker"]
        assert row["companion_origin"] == "generated"
        assert row["pairscores_outside_db"] > 35
    assert ran.version.manifest["fingerprints"].keys() >= set(MADE)


def test_again_nothing_is_computed_and_another_threshold_computes_no_video(ran: Ran, videos: Path) -> None:
    again = rebuilt(videos, ALL)
    assert again.before.nothing_to_do
    least = sorted(row["pairscores_identity"] for row in rows_of(ran))[2]
    limits = ALL.pairverdict.model_copy(update={"identity": least})
    stricter = rebuilt(videos, ALL.model_copy(update={"pairverdict": limits}))
    assert {name for name, count in stricter.computed.items() if count} == {"pairverdict"}
    assert stricter.version.manifest["rows"] == CLIPS - 2


def test_another_generator_would_paint_companions_anew_and_nothing_before_them(
    ran: Ran, videos: Path
) -> None:
    other = ALL.model_copy(update={"companion": MINI.companion.model_copy(update={"seed": 1})})  # type: ignore[union-attr]
    stages = stages_of(other)
    listing = list_sources(str(videos), Store(), "CC0", "signed")
    plan = make_plan(ran.catalog, stages, nodes_of(stages), load_profile("laptop"), listing)
    waiting = {stage.name: stage.compute + stage.arriving for stage in plan.stages}
    assert {name for name, count in waiting.items() if count} == {*MADE} - {"partner"}
    priced = next(stage for stage in plan.stages if stage.name == "companion")
    assert priced.hours(1.0), "what it would cost goes by the seconds of those that were painted"


def test_a_pair_is_traced_to_its_partner_and_both_their_sources(ran: Ran) -> None:
    row = rows_of(ran)[0]
    found = trace(ran.catalog, row["item_id"])
    named = {step.row["item_id"] for step in found.steps if step.named_by in ("partner", "second", "third")}
    assert row["partner_partner"] in named
    assert len(found.uris) == 2
    assert {step.stage for step in found.steps if step.row["item_id"] == row["item_id"]} >= set(MADE)


def test_the_worst_pairs_come_first_and_play_beside_what_was_painted(ran: Ran, tmp_path: Path) -> None:
    shown = stage_sheet(
        ran.catalog, "pairscores", tmp_path / "s.png", tmp_path / "s.mp4", limit=2, columns=("identity",),
        order=Order("identity"),
    )  # fmt: skip
    assert shown.shown == 2
    with (tmp_path / "s.mp4").open("rb") as file, open_media(file) as media:
        frame = next(iter(decode_video(media)))
    assert frame.shape[1] > 2 * 192


def test_without_a_generator_a_version_is_one_of_clips(ran: Ran, videos: Path) -> None:
    clips = rebuilt(videos, MINI.model_copy(update={"companion": None}))
    assert not any(clips.computed.values())
    assert clips.version.manifest["rows"] == CLIPS
    assert "companion" not in clips.version.manifest["fingerprints"]


def test_one_clip_more_leaves_all_choices_as_they_are(ran: Ran, videos: Path) -> None:
    before = {row["item_id"]: row["partner_partner"] for row in rows_of(ran)}
    more = make_corpus(videos.parent / "more", people=3, takes=3, broken=0, **SHORT)
    new = more / "world0-000_02.mp4"
    new.rename(videos / new.name)
    with (videos / "manifest.csv").open("a") as manifest:
        manifest.write((more / "manifest.csv").read_text().splitlines()[3] + "\n")
    ran_again = rebuilt(videos, ALL)
    after = {row["item_id"]: row["partner_partner"] for row in rows_of(ran_again, ran_again.version.tag)}
    assert len(after) == CLIPS + 1
    assert {item: after[item] for item in before} == before
    assert [ran_again.computed[name] for name in MADE] == [1] * len(MADE)
