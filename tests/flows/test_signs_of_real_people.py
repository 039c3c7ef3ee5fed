"""Real people through the recipe up to `screen`, with signs in the place of captions: who is refused, held, let through."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.looking.mask_cards import cards_of
from flows.looking.rows import STILL, blobs, rows_to_show
from flows.recipes import Recipe
from flows.run.graph import stages_of
from storage.media.images import decode_image
from tasks.ingest import Ingest, IngestConfig
from tasks.occluders import OccludersConfig
from tasks.screen import Screen, ScreenConfig
from tasks.stage import Annotate, Stage
from tasks.verdict import VerdictConfig
from tests.media_files import DATA, needs_data
from tests.registry_files import FINDER, FINDER_FAR, HAND, MESH, PALM, needs_weights
from tests.toy.inline import Ran, run_inline

pytestmark = [needs_data, needs_weights(FINDER, FINDER_FAR, MESH, PALM, HAND)]
UP_TO = ("probe", "ingest", "quality", "verdict", "occluders", "screen")
CLIPS = ("bird.mkv", "lbax4n.mpg", "retalking_5.mp4", "bbaf2n.mpg")
"""A fist before the mouth on 26 of 53 frames, without sound; glasses; glasses and lipstick; nothing."""


class OneSplit(Annotate):
    """Stands after `screen`: a version must say of every row in which split it is."""

    name, reads, facts = "split", (Screen, Ingest), ("split",)

    @dataclass(frozen=True)
    class Input:
        id: str
        frames: int

    @dataclass(frozen=True)
    class Output:
        id: str
        split: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.Output(row.id, "train") for row in rows]


def signs(share: float) -> Recipe:
    return Recipe(
        ingest=IngestConfig(
            face="mesh",
            face_model=f"{FINDER_FAR} + {FINDER} + {MESH}",
            identity_model="",
            size=256,
            min_face_px=40.0,
        ),
        verdict=VerdictConfig(require_audio=False, min_sharpness=0.0),
        occluders=OccludersConfig(segmenter="signs", model=f"{PALM} + {HAND}", covered_share=share),
        screen=ScreenConfig(policy="doubtful"),
    )


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signs")
    (folder / "clips.csv").write_text("\n".join(["uri", *(str(DATA / "clips" / name) for name in CLIPS)]))
    return folder


def rebuilt(where: Path, share: float) -> Ran:
    stages = stages_of(signs(share))
    kept: dict[str, Stage] = {name: stages[name] for name in UP_TO}
    return run_inline(where / "clips.csv", where / "catalog", kept | {OneSplit.name: OneSplit()})


def test_a_hand_before_the_mouth_is_refused_and_glasses_are_not(where: Path) -> None:
    ran = rebuilt(where, 0.1)
    (refused,) = rows_to_show(ran.catalog, "occluders", "rejected", 9)
    assert refused.name == "bird.mkv"
    assert refused.row["code"] == "covered"
    assert "something passes on 26" in refused.row["reason"]
    (poster,) = blobs(ran.catalog, [refused], STILL)
    assert poster is not None
    assert decode_image(poster).shape == (256, 3 * 256, 3)
    passed = {row.name for row in rows_to_show(ran.catalog, "screen", "ok", 9)}
    assert passed == {"lbax4n.mpg", "retalking_5.mp4", "bbaf2n.mpg"}
    assert {row.way["verdict"]["status"] for row in rows_to_show(ran.catalog, "screen", "ok", 9)} == {"ok"}


def test_where_it_is_not_refused_it_is_held_and_the_page_says_why(where: Path) -> None:
    ran = rebuilt(where, 0.9)
    assert ran.computed["quality"] == 0, "other limits compute nothing before them again"
    (card,) = cards_of(ran.catalog)
    assert card.name == "bird.mkv"
    assert "something passes on 26" in card.why
    assert "review export" not in card.why
    assert card.poster is not None
    assert decode_image(card.poster).shape == (256, 3 * 256, 3)
