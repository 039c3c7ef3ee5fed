"""Speakers as the shipped identity model sees them: one person's films are one person's, and two people are no track."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from flows.demo.corpus import SHORT
from models.faces import load_identity
from models.mini.world_pictures import make_shot
from storage.sources.takes import list_takes
from storage.store import Store
from tasks.agreement import agreement
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.probe import Probe
from tasks.render import Render, RenderConfig
from tasks.speakers import SpeakerRow, Speakers, SpeakersConfig, SpeakersInput
from tests.media_files import narrow, source_of

HALVES = {"left": 0.5, "right": 0.5}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, SpeakersInput]]:
    """Who is seen, and the clip: three films of each of two people, of whom no manifest says anything."""
    folder = tmp_path_factory.mktemp("films")
    stages = Render(RenderConfig(**SHORT)), Probe(), Ingest(IngestConfig(size=64))  # type: ignore[arg-type]
    for stage in stages:
        stage.setup(Store())
    return [
        (take.speaker, narrow(SpeakersInput, clip))
        for take in list_takes("world:people=2,takes=3,seed=5")
        for clip in filmed(folder / f"{take.id}.mp4", take, *stages)
    ]


def filmed(path: Path, take: object, render: Render, probe: Probe, ingest: Ingest) -> tuple[object, ...]:
    path.write_bytes(render([take])[0].rows[0].video)  # type: ignore[list-item,union-attr]
    (known,) = probe([source_of(path)])
    return ingest([narrow(IngestInput, known.rows[0])])[0].rows  # type: ignore[union-attr]


def test_films_of_one_person_are_put_together_and_into_one_split(
    clips: list[tuple[str, SpeakersInput]],
) -> None:
    answers = Speakers(SpeakersConfig(shares=HALVES))([clip for _, clip in clips], [])
    found: dict[str, list[SpeakerRow]] = {}
    for (person, _), answer in zip(clips, answers, strict=True):
        assert isinstance(answer, SpeakerRow), answer
        found.setdefault(person, []).append(answer)
    assert {person: len({row.split for row in rows}) for person, rows in found.items()} == dict.fromkeys(
        found, 1
    )
    names = {person: {row.speaker for row in rows} for person, rows in found.items()}
    assert all(len(name) == 1 for name in names.values()), names
    assert len(set.union(*names.values())) == 2


def test_a_change_of_the_person_is_told_from_a_turn_of_the_head() -> None:
    """Faces as the tracker takes them: every some frames of a take, with something before the face now and then."""
    embedder, limit = load_identity("mini:identity"), SpeakersConfig().one_person
    assert embedder is not None
    takes = [
        [embedder.embed(rgb, five) for rgb, five in zip(shot.rgb_FHWC, shot.five_F52, strict=True)]
        for shot in (
            make_shot(91, person, 4, "bust", (192, 144), occluded=0.35) for person in range(7000, 7010)
        )
    ]
    assert all((agreement(take) or 0) > limit for take in takes)
    changed = [agreement([*one[:2], *other[2:]]) for one, other in combinations(takes, 2)]
    assert np.mean([one is not None and one < limit for one in changed]) > 0.85
