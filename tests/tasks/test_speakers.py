"""Who is who, in which split: names stand, faces find each other, and what was once named keeps its name."""

from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from storage.versions.speaker_split import split_of
from tasks.speakers import SpeakerRow, Speakers, SpeakersConfig, SpeakersInput

SHARES = {"train": 0.9, "val": 0.05, "test": 0.05}
RNG = np.random.default_rng(0)
FACES = {
    name: vector / np.linalg.norm(vector) for name in "abcd" if (vector := RNG.normal(size=64)) is not None
}


def clip(number, face, uri="", track=0, named=""):
    vector = None
    if face:
        noisy = FACES[face] + 0.02 * np.random.default_rng(number).normal(size=64)
        vector = (noisy / np.linalg.norm(noisy)).tolist()
    return SpeakersInput(f"{number:04d}", uri or f"{number}.mp4", 0, track, named, vector)


def names(rows, known=()):
    return {row.id: row.speaker for row in Speakers(SpeakersConfig())(rows, known)}


def test_faces_are_put_together_across_sources():
    found = names([clip(i, "abc"[i % 3]) for i in range(12)])
    assert len(set(found.values())) == 3
    assert len({found[f"{i:04d}"] for i in (0, 3, 6, 9)}) == 1


def test_the_manifest_wins_and_lends_its_name_to_others_like_it():
    rows = [clip(5, "a", named="ann"), clip(1, "a"), clip(2, "b", named="ann"), clip(3, "c")]
    answers = {row.id: row for row in Speakers(SpeakersConfig(same=0.5))(rows, [])}
    assert answers["0001"].speaker == answers["0005"].speaker == "ann"
    assert (answers["0001"].how, answers["0003"].how) == ("matched", "new")
    assert answers["0002"].speaker == "ann"
    assert answers["0002"].likeness < answers["0001"].likeness  # the name to check


def test_one_track_is_one_person_even_without_a_face_vector():
    rows = [clip(1, "", "x.mp4"), clip(2, "", "x.mp4"), clip(3, "", "x.mp4", track=1), clip(4, "", "y.mp4")]
    found = names(rows)
    assert found["0001"] == found["0002"]
    assert len(set(found.values())) == 3


def test_names_stay_when_the_dataset_grows():
    first = Speakers()([clip(7, "a"), clip(8, "b")], [])
    again = {row.id: row for row in Speakers()([clip(1, "a"), clip(2, "c"), clip(9, "b")], first)}
    before = {row.id: row.speaker for row in first}
    assert again["0001"].speaker == before["0007"]
    assert again["0009"].speaker == before["0008"]
    assert again["0002"].speaker not in before.values()
    assert all(isinstance(row, SpeakerRow) for row in again.values())


def test_shares_must_sum_to_one():
    with pytest.raises(ValidationError, match="sum to 1"):
        SpeakersConfig(shares={"train": 0.5, "test": 0.4})


def test_splits_have_their_shares_and_depend_on_the_speaker_alone():
    counts = Counter(split_of(f"speaker {i}", SHARES) for i in range(20000))
    assert counts["train"] / 20000 == pytest.approx(0.9, abs=0.01)
    assert counts["val"] / 20000 == pytest.approx(0.05, abs=0.01)
    rows = Speakers()([clip(1, "a", named="ann"), clip(2, "b", named="ann")], [])
    assert {row.split for row in rows} == {split_of("ann", SHARES)}
    # Fixed for ever: a published dataset's test speakers must stay test speakers.
    assert [split_of(name, SHARES) for name in ("amal", "marek", "omar")] == ["train", "val", "test"]
