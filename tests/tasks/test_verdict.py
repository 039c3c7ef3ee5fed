"""The verdict over made-up scores: every threshold, and the wording."""

import dataclasses

import pytest

from tasks.stage import Rejected
from tasks.verdict import Verdict, VerdictConfig, VerdictInput, VerdictRow

GOOD = VerdictInput(
    id="v1",
    frames=75,
    fps=25.0,
    face_px=120.0,
    outside_share=0.0,
    lost_share=0.0,
    damage="",
    nonfinite_audio=0,
    sharpness=400.0,
    exposure=0.5,
    dark_share=0.0,
    bright_share=0.0,
    frozen_share=0.0,
    yaw_max=15.0,
    mouth_motion=0.03,
    jump_cuts=0,
    loudness_db=-20.0,
    silence_share=0.2,
    clipping_share=0.0,
    speech_share=0.6,
    music_share=0.02,
    beat=0.3,
    lip_strength=0.2,
    lip_lag_frames=-1,
    lip_lead=0.6,
)
MUTE = {f: None for f, hint in VerdictInput.__annotations__.items() if "None" in str(hint)}


def verdict(config=None, **scores):
    (result,) = Verdict(config)([dataclasses.replace(GOOD, **scores)])
    return result


def test_good_scores_pass():
    assert verdict() == VerdictRow("v1", "in_step")


@pytest.mark.parametrize(
    ("score", "value", "code"),
    [
        ("face_px", 20.0, "face_px"),
        ("sharpness", 3.1, "sharpness"),
        ("sharpness", float("nan"), "sharpness"),
        ("exposure", 0.05, "exposure"),
        ("exposure", 0.97, "exposure"),
        ("dark_share", 0.5, "dark_share"),
        ("bright_share", 0.5, "bright_share"),
        ("yaw_max", 70.0, "yaw"),
        ("lost_share", 0.5, "lost_share"),
        ("outside_share", 0.5, "outside_share"),
        ("jump_cuts", 1, "jump_cut"),
        ("frozen_share", 1.0, "frozen"),
        ("mouth_motion", 0.001, "frozen"),
        ("mouth_motion", float("nan"), "frozen"),
        ("silence_share", 1.0, "near_silence"),
        ("silence_share", float("nan"), "near_silence"),
        ("loudness_db", -60.0, "near_silence"),
        ("clipping_share", 0.2, "clipping_share"),
        ("nonfinite_audio", 1, "nonfinite_audio"),
        ("speech_share", 0.05, "speech_share"),
        ("lip_lag_frames", 12, "out_of_sync"),
        ("lip_lag_frames", -12, "out_of_sync"),
        ("damage", "corrupt video frames: 3", "damage"),
    ],
)
def test_each_score_can_fail_alone(score, value, code):
    result = verdict(**{score: value})
    assert isinstance(result, Rejected)
    assert (result.id, result.code) == ("v1", code)


def test_a_lag_counts_only_when_it_is_sure():
    assert verdict(lip_lag_frames=12, lip_lead=0.2) == VerdictRow("v1", "in_step")
    assert verdict(lip_lag_frames=12).reason == (
        "the sound fits the lips best 12 frames late (lead 0.60); at most 5 are allowed"
    )


def test_a_lag_counts_sooner_where_nothing_fits_in_step():
    assert verdict(lip_lag_frames=12, lip_lead=0.32) == VerdictRow("v1", "in_step")
    assert verdict(lip_lag_frames=12, lip_lead=0.32, lip_strength=0.0).code == "out_of_sync"
    assert verdict(lip_lag_frames=12, lip_lead=0.32, lip_strength=0.0, frames=70) == VerdictRow(
        "v1", "unknown"
    )
    assert verdict(lip_lag_frames=12, lip_lead=0.1, lip_strength=0.0) == VerdictRow("v1", "unknown")


def test_what_cannot_be_told_of_lips_is_said_and_rejected_where_the_recipe_wants_it():
    strict = VerdictConfig(sync_unknown="reject")
    assert verdict(lip_strength=0.05) == VerdictRow("v1", "unknown")
    unknown = verdict(strict, lip_strength=0.05)
    assert unknown.code == "sync_unknown"
    assert unknown.reason.startswith("whether the sound fits the lips cannot be told (strength 0.05)")
    assert verdict(strict) == VerdictRow("v1", "in_step")
    assert verdict(strict, frames=30).code == "sync_unknown", "a short clip needs more strength"
    assert verdict(strict, frames=30, lip_strength=0.3) == VerdictRow("v1", "in_step")


@pytest.mark.parametrize(("score", "value"), [("music_share", 0.6), ("beat", 0.9), ("beat", float("nan"))])
def test_music_is_refused_unless_the_lips_sing_it(score, value):
    assert verdict(**{score: value}, lip_strength=0.1).code == "music"
    assert verdict(**{score: value}, lip_strength=None).code == "music"
    assert verdict(**{score: value}, lip_strength=0.3) == VerdictRow("v1", "in_step")


def test_silence_is_called_so_and_nothing_else():
    result = verdict(
        VerdictConfig(sync_unknown="reject"), silence_share=0.97, speech_share=0.0, lip_strength=0.0
    )
    assert result.code == "near_silence"
    assert result.reason == "nothing is heard in 97% of the time; at most 80% may be silent"


def test_reasons_state_value_and_threshold_and_list_every_failure():
    assert verdict(sharpness=3.1).reason == "sharpness 3.1 is below 20"
    result = verdict(damage="cut off", sharpness=3.1, exposure=0.97)
    assert result.code == "damage"
    assert result.reason == "damaged: cut off; exposure 0.97 is above 0.92; sharpness 3.1 is below 20"


def test_thresholds_are_the_configs():
    assert isinstance(verdict(VerdictConfig(min_sharpness=1), sharpness=3.1), VerdictRow)
    assert isinstance(verdict(VerdictConfig(allow_damage=True), damage="cut off"), VerdictRow)
    assert verdict(VerdictConfig(min_lip_strength=0.3)) == VerdictRow("v1", "unknown")
    assert verdict(**MUTE).code == "no_audio"
    assert verdict(VerdictConfig(require_audio=False), **MUTE) == VerdictRow("v1", "no_sound")
