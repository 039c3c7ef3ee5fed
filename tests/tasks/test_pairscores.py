"""Scores of rendered pairs, where the right answer is known, and of what is no pair at all."""

import dataclasses
import functools

import numpy as np
import pytest

from models.mini.generator.people import FPS, film
from storage.media.encode import encode_flac, encode_video
from storage.store import Store
from tasks.masks import pack, unpack
from tasks.pairscores import PairScores, PairScoresConfig, PairScoresInput, PairScoresRow
from tasks.stage import Rejected
from tests.tasks.pairs import CRF, RATE, pair_row

CLEAR = (200, 201, 203, 205)


@functools.cache
def stage(**settings):
    made = PairScores(PairScoresConfig(**settings))
    made.setup(Store())
    return made


def score(row, **settings):
    (result,) = stage(**settings)([row])
    assert result.id == row.id
    return result


@functools.cache
def dubbed(person):
    return score(pair_row(person))


@functools.cache
def copied(person):
    """A companion that has the clip's own lips: the leak that the filter is there for."""
    return score(companion(person, film(person, clear=True).rgb_2FHWC[0]))


def companion(person, rgb_FHWC, **changes):
    return pair_row(person, companion_video=encode_video(None, rgb_FHWC, FPS, crf=CRF), **changes)


def test_other_lips_are_well_above_one_pixel_and_the_same_lips_well_below():
    other = [dubbed(person).lip_distance for person in CLEAR]
    same = [copied(person).lip_distance for person in CLEAR]
    assert min(other) > 2.0, other
    assert max(same) < 0.85, same
    assert np.median(same) < 0.5, same


def test_the_noise_of_landmarks_is_said_beside_the_distance():
    noise = [dubbed(person).lip_noise for person in CLEAR]
    assert noise == pytest.approx([copied(person).lip_noise for person in CLEAR], abs=0.02), (
        "it is the clip's"
    )
    assert min(noise) > 0.1, noise
    assert max(noise) < 1.2, noise


def test_a_rendered_pair_is_the_same_person_and_another_person_is_not():
    assert min(dubbed(person).identity_least for person in CLEAR) > 0.9
    other = score(companion(200, film(203, clear=True).rgb_2FHWC[1]))
    assert other.identity < 0.8


def test_lips_fit_their_own_sound_better_than_the_clips():
    own, crossed = (
        np.mean([getattr(dubbed(person), name) for person in CLEAR])
        for name in ("sync_companion", "sync_crossed")
    )
    assert own > crossed + 1
    assert np.mean([copied(person).sync_crossed for person in CLEAR]) > crossed + 1


def test_what_is_not_painted_is_seen_to_stay_or_not():
    assert min(dubbed(person).outside_db for person in CLEAR) > 33
    assert dubbed(200).occluder_db is None
    brighter = film(200, clear=True).rgb_2FHWC[1].copy()
    brighter[:, :, :8] //= 2
    assert score(companion(200, brighter)).outside_db < 25


def test_occluders_are_scored_apart():
    kept = score(pair_row(200, clear=False))
    pair = film(200, clear=False)
    hidden_FHW = unpack(pair_row(200, clear=False).occluder_masks)
    painted_over = pair.rgb_2FHWC[1].copy()
    painted_over[hidden_FHW] = 90
    over = score(pair_row(200, False, companion_video=encode_video(None, painted_over, FPS, crf=CRF)))
    assert kept.occluder_db > over.occluder_db + 5


def test_a_leap_between_segments_is_a_seam():
    jumping = film(200, clear=True).rgb_2FHWC[1].astype(int)
    jumping[15:] += 40
    jumping = np.clip(jumping, 0, 255).astype(np.uint8)
    assert dubbed(200).seam is None, "one segment has no border"
    assert score(companion(200, jumping, starts=[0, 10])).seam > 2
    drifted = score(companion(200, jumping, starts=[0]))
    assert drifted.colour_drift > 20 > dubbed(200).colour_drift


def test_yaw_is_how_far_the_head_is_turned_to_either_side():
    assert dubbed(200).yaw == pytest.approx(12.0)


def test_sync_is_left_out_where_it_cannot_be_said():
    names = ("sync_clip", "sync_companion", "sync_crossed")
    without = score(pair_row(200), sync_model="")
    assert [getattr(without, name) for name in names] == [None] * 3
    assert without.lip_distance == dubbed(200).lip_distance
    mute = score(pair_row(200, audio=None))
    assert (mute.sync_clip, mute.sync_crossed) == (None, None)
    assert mute.sync_companion == dubbed(200).sync_companion
    short = score(shortened(pair_row(200), 20))
    assert [getattr(short, name) for name in names] == [None] * 3


def shortened(row: PairScoresInput, frames: int) -> PairScoresInput:
    from tasks.ingest.track_data import TrackData

    track = TrackData.from_bytes(row.track_data)
    cut = {f.name: getattr(track, f.name)[:frames] for f in dataclasses.fields(track)}
    clip, made = (rgb[:frames] for rgb in film(200, clear=True).rgb_2FHWC)
    return dataclasses.replace(
        row,
        video=encode_video(None, clip, FPS, crf=CRF),
        companion_video=encode_video(None, made, FPS, crf=CRF),
        face_masks=pack(unpack(row.face_masks, slice(frames))),
        occluder_masks=pack(unpack(row.occluder_masks, slice(frames))),
        track_data=TrackData(**cut).to_bytes(),
    )


def test_what_is_no_pair_is_refused_with_what_is_wrong():
    made = film(200, clear=True).rgb_2FHWC[1]
    refused = {
        "length": companion(200, made[:-3]),
        "size": companion(200, made[:, :32, :32]),
        "rate": pair_row(200, companion_video=encode_video(None, made, 30)),
        "face_lost": companion(200, np.full_like(made, 120)),
        "nothing_painted": pair_row(200, face_masks=pack(np.zeros(made.shape[:3], bool))),
    }
    for code, row in refused.items():
        result = score(row)
        assert isinstance(result, Rejected), code
        assert result.code == code, result
    assert score(refused["length"]).reason == "the companion has 22 frames, the clip 25"
    damaged = score(pair_row(200, companion_video=b"no video at all"))
    assert isinstance(damaged, Rejected)
    assert "the companion can't be read" in damaged.reason


def test_what_cannot_be_this_clips_raises_and_says_what():
    row = pair_row(200)
    for changes, said in (
        ({"face_masks": pack(np.ones((4, 64, 64), bool))}, "masks of the face"),
        ({"occluder_masks": pack(np.zeros((25, 32, 32), bool))}, "masks of the occluders"),
        ({"starts": [0, 20]}, "segments whose new frames begin"),
    ):
        with pytest.raises(ValueError, match=said):
            score(dataclasses.replace(row, **changes))


def test_a_silent_sound_is_scored_like_any():
    result = score(pair_row(200, companion_audio=encode_flac(np.zeros(RATE, np.float32), RATE)))
    assert isinstance(result, PairScoresRow)
    assert np.isfinite(result.sync_companion)


def test_weights_are_part_of_the_fingerprint():
    assert set(PairScores().weights()) == {"mini:face", "mini:identity", "mini:syncnet"}
    assert set(PairScores(PairScoresConfig(sync_model="")).weights()) == {"mini:face", "mini:identity"}
