"""Companions of strangers beside the truth, and that the judges tell right from wrong."""

from functools import cache

import numpy as np
import pytest

from models.companions.segments import Cut
from models.mini.companions.codec import CLIP_CRF, COMPANION_CRF, through_a_file
from models.mini.companions.films import SOURCE, TRUTH, beginning, film_of, load_whisper
from models.mini.companions.intervals import over_people
from models.mini.companions.measure import Bench, borders_of, companions, numbers
from models.mini.generator.people import film
from storage.media.encode import encode_video
from tasks.companion import CompanionConfig
from tasks.companion.clip_files import frames_of
from tasks.ingest import IngestConfig

pytestmark = pytest.mark.usefixtures("one_thread")
PEOPLE = (260, 261, 262, 263)
"""The second has something before the face."""
FRAMES = 45


@cache
def bench():
    return Bench()


@cache
def found():
    return [bench().found(person, seeds=1, frames=FRAMES, cuts=False) for person in PEOPLE]


@cache
def of_the_clip_itself():
    """What the judges say where nothing was painted: the old lips with the new sound."""
    films = [film_of(person, bench().whisper, FRAMES) for person in PEOPLE]
    return numbers([[bench().judges.score(one, through_a_file(one.clip_FHWC), [25])] for one in films])


@cache
def filmed(person=260):
    return film_of(person, load_whisper(), FRAMES)


def of_the_truth():
    return numbers([one.truth for one in found()])


def test_the_judges_tell_the_truth_from_the_clip():
    truth, clip = of_the_truth(), of_the_clip_itself()
    assert truth["opening_r"] > 0.75 > 0.4 > clip["opening_r"]
    assert truth["leak"] < 0.2 < 0.75 < clip["leak"]
    assert truth["sync_c"] > clip["sync_c"] + 1
    assert truth["lips_db"] > clip["lips_db"] + 5
    assert clip["identity"] > 0.97


def test_companions_of_strangers_follow_the_new_lips_and_change_the_face_alone():
    made, clip = companions(found()), of_the_clip_itself()
    assert made["leak"].value < 0.35
    assert made["opening_r"].value > clip["opening_r"] + 0.1
    assert made["identity"].value > 0.6
    assert made["outside_db"].value > 35
    assert made["occluder_db"].value > 35
    assert 0.7 < made["seam"].value < 3
    assert made["lips_db"].value < of_the_truth()["lips_db"]
    assert made["leak"].value < clip["leak"] - 0.4


def test_a_file_here_is_a_file_of_the_stage():
    rgb_FHWC = filmed().truth_FHWC
    for crf in (CompanionConfig().crf, IngestConfig().crf):
        stored = encode_video(None, rgb_FHWC, 25.0, filmed().sound, 16000, crf=crf)
        assert np.array_equal(through_a_file(rgb_FHWC, crf), frames_of(stored))
    assert (CompanionConfig().crf, IngestConfig().crf) == (COMPANION_CRF, CLIP_CRF)


def test_a_longer_film_has_the_same_movements_twice_and_its_own_sound():
    one = filmed()
    pair, paint_FHW = one.pair, one.pair.paint_2FHW
    assert one.clip_FHWC.shape == (FRAMES, 64, 64, 3)
    assert len(one.sound) == FRAMES * 640
    assert [len(said.mouth_F3) for said in pair.said] == [FRAMES, FRAMES]
    kept_FHW = ~paint_FHW[SOURCE] & ~paint_FHW[TRUTH]
    apart_FHWC = np.abs(one.truth_FHWC.astype(int) - pair.rgb_2FHWC[SOURCE])
    assert apart_FHWC[kept_FHW].mean() < 1.5 < 3 < apart_FHWC[pair.lips_2FHW[TRUTH]].mean()
    short = beginning(one, load_whisper(), 25)
    assert np.array_equal(short.truth_FHWC, one.truth_FHWC[:25])
    assert np.array_equal(short.sound, one.sound[: 25 * 640])
    assert film(260, clear=True).rgb_2FHWC.shape == (2, 25, 64, 64, 3)


def test_seams_are_sought_where_a_segment_brings_its_first_new_frame():
    assert borders_of(Cut(25, 5), 97) == [25, 45, 65, 85]
    assert borders_of(Cut(25, 0), 77) == [25, 50, 75]
    assert borders_of(Cut(77, 5), 77) == []
    one = filmed()
    leaping_FHWC = one.truth_FHWC.copy()
    leaping_FHWC[25:] //= 2
    smooth, leaps, uncut = (
        bench().judges.score(one, rgb_FHWC, borders).seam
        for rgb_FHWC, borders in (
            (through_a_file(one.truth_FHWC), [25]),
            (leaping_FHWC, [25]),
            (leaping_FHWC, []),
        )
    )
    assert leaps > 3 * smooth
    assert np.isnan(uncut)


def test_a_share_that_everybody_has_is_not_sure():
    def share(people):
        return {"share": float(np.mean(people))}

    assert over_people([True] * 8, share)["share"].plus_minus == 0
    assert over_people([True] * 8, share, ["share"])["share"].plus_minus == pytest.approx(0.162, abs=1e-3)


def test_intervals_are_students_and_cover_the_mean_as_often_as_they_say():
    rng, covered = np.random.default_rng(1), []

    def mean(people):
        return {"mean": float(np.mean(people)), "nobody": float("nan")}

    for _ in range(400):
        drawn = rng.normal(3, 1, 8)
        sure = over_people(list(drawn), mean)
        assert sure["mean"].plus_minus == pytest.approx(2.3646 * drawn.std(ddof=1) / 8**0.5, rel=1e-3)
        covered.append(abs(sure["mean"].value - 3) <= sure["mean"].plus_minus)
        assert np.isnan(sure["nobody"].value)
    assert 0.92 < np.mean(covered) < 0.98
