"""Scores of drawn clips mean what they say: a face of blocks with a bar for a mouth, and its track."""

import dataclasses
import io
import pickle

import av
import numpy as np
import pytest

from storage.media.encode import encode_video
from tasks.ingest.track_data import TrackData
from tasks.quality import Quality, QualityConfig, QualityInput

RATE, FPS, SIDE = 16000, 25, 64
FIVE = np.array([(24, 24), (40, 24), (32, 32), (26, 42), (38, 42)], np.float32)
"""Of a face 36 pixels high, in the middle of a clip of 64."""
TONE = (0.4 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def flac(samples):
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        pcm = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def syllables(frames=50):
    return np.where(np.arange(frames) // 4 % 2, 0.1, 0.0)


def draw(opening, side=SIDE, level=128, spread=60):
    """Skin of random blocks, behind it plain paint; the mouth is a dark bar as high as it is open."""
    rng = np.random.default_rng(0)
    skin = np.kron(rng.integers(-spread, spread + 1, (18, 18, 1)), np.ones((2, 2, 3))) + level
    picture = np.full((SIDE, SIDE, 3), float(level))
    picture[14:50, 14:50] = skin
    half = round(opening * 36 / 2)
    picture[42 - half : 42 + half, 26:38] = 10
    times = side // SIDE
    return np.clip(picture, 0, 255).astype(np.uint8).repeat(times, 0).repeat(times, 1)


def track_of(opening, side=SIDE, **given):
    count, times = len(opening), side / SIDE
    rng = np.random.default_rng(1)
    whole = TrackData(
        points_TK2=np.repeat(FIVE[None], count, axis=0) * times + rng.normal(0, 0.05, (count, 5, 2)) * times,
        five_T52=np.repeat(FIVE[None], count, axis=0) * times,
        pose_T3=np.zeros((count, 3)),
        opening_T=opening,
        width_T=np.full(count, 0.4),
        score_T=np.ones(count),
        square_T3=np.repeat([[300.0, 200.0, 128.0]], count, axis=0),
        change_T=np.abs(rng.normal(1, 0.1, count)),
    )
    return dataclasses.replace(whole, **given)


def scored(opening=None, frames=None, sound=TONE, side=SIDE, config=None, **track):
    opening = syllables() if opening is None else opening
    frames = [draw(o, side) for o in opening] if frames is None else frames
    row = QualityInput(
        id="c1",
        frames=len(opening),
        fps=float(FPS),
        video=encode_video(None, frames, FPS, crf=12),
        audio=None if sound is None else flac(sound),
        track_data=track_of(opening, side, **track).to_bytes(),
    )
    (result,) = Quality(config)([row])
    assert result.id == "c1"
    return result


def test_a_lively_clip_scores_as_one():
    row = scored()
    assert row.frames_scored == 10
    assert row.frozen_share < 0.4
    assert row.motion > 0.005
    assert row.mouth_motion == pytest.approx(0.05, abs=0.005)
    assert row.exposure == pytest.approx(0.5, abs=0.06)
    assert row.loudness_db == pytest.approx(20 * np.log10(0.4 / np.sqrt(2)), abs=0.5)
    assert row.silence_share < 0.05
    assert (row.clipping_share, row.jump_cuts, row.dark_share, row.bright_share) == (0, 0, 0, 0)
    assert row.speech_share == 0, "a steady tone is no voice"


def test_sharpness_is_the_faces_and_does_not_depend_on_the_clips_size():
    small, large = scored().sharpness, scored(side=256).sharpness
    assert 0.5 < small / large < 2
    blurred = [f[::8, ::8].repeat(8, 0).repeat(8, 1) for f in map(draw, syllables())]
    assert scored(frames=blurred).sharpness < small / 3
    noise = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    noise[8:56, 8:56] = 128
    assert scored(frames=[noise] * 50).sharpness < small / 3, "what is around the face doesn't count"
    assert scored(side=256, config=QualityConfig(face_side=64)).sharpness < large


def test_dark_and_bright_faces_are_told():
    dark = scored(frames=[draw(0.0, level=6, spread=4)] * 50)
    assert (dark.exposure < 0.1, dark.dark_share, dark.bright_share) == (True, 1, 0)
    assert scored(frames=[draw(0.0, level=250, spread=4)] * 50).bright_share == 1


def test_a_still_face_is_frozen_whatever_moves_behind_it_and_a_mouth_is_not():
    still = [draw(0.0) for _ in range(50)]
    for k, frame in enumerate(still):
        frame[:6, k % 50 : k % 50 + 10] = 255
    assert scored(np.zeros(50), frames=still).frozen_share > 0.8
    assert scored(np.zeros(50)).mouth_motion == 0
    assert scored().frozen_share < 0.4


def test_pose_is_absolute_and_one_slip_of_the_tracker_is_no_pose():
    pose = np.zeros((50, 3))
    pose[:, 0] = -20
    pose[10, 0], pose[30:40, 0], pose[:25, 1] = 80, 35, -12
    row = scored(pose_T3=pose)
    assert row.yaw_mean == pytest.approx(23, abs=0.5)
    assert (row.yaw_max, row.pitch_range) == (35, 12)
    unseen = np.ones(50)
    unseen[30:40] = 0
    assert scored(pose_T3=pose, score_T=unseen).yaw_max == 20, "guessed frames don't count"


def test_head_speed_is_in_the_source_though_the_crop_follows():
    square = np.repeat([[300.0, 200.0, 128.0]], 50, axis=0)
    square[:, 0] += np.arange(50) * 3.0
    # 75 px a second; the face is 36 px of 64, so 72 px in the source.
    assert scored(square_T3=square).head_speed == pytest.approx(75 / 72, rel=0.1)
    assert scored().head_speed < 0.02


def test_a_jump_cut_needs_the_picture_and_the_face_to_jump():
    cut_change = np.ones(50)
    cut_change[20] = 12
    points = track_of(syllables()).points_TK2.copy()
    points[20:] += 4
    assert scored(change_T=cut_change, points_TK2=points).jump_cuts == 1
    assert scored(change_T=cut_change).jump_cuts == 0
    assert scored(points_TK2=points).jump_cuts == 0


def test_sound_is_scored_over_the_time_of_the_picture():
    silent = scored(sound=np.zeros(2 * RATE, np.float32))
    assert (silent.silence_share, silent.loudness_db, silent.speech_share) == (1, -120, 0)
    assert scored(sound=TONE[:RATE]).silence_share == pytest.approx(0.5, abs=0.05)
    assert scored(sound=np.sign(TONE)).clipping_share > 0.5
    none = scored(sound=None)
    sounds = (
        "loudness_db",
        "silence_share",
        "clipping_share",
        "speech_share",
        "music_share",
        "beat",
        "lip_strength",
        "lip_lag_frames",
    )
    assert [getattr(none, name) for name in (*sounds, "lip_lead")] == [None] * 9


def test_sound_that_lags_behind_the_lips_is_noticed():
    rng = np.random.default_rng(3)
    edges = np.cumsum(rng.integers(3, 7, 40))
    opening = 0.09 * (np.searchsorted(edges, np.arange(100), side="right") % 2)
    hiss = rng.normal(0, 0.2, 4 * RATE) * np.roll(opening, 10).repeat(RATE // FPS) / 0.09
    row = scored(opening, sound=hiss.astype(np.float32))
    assert row.lip_lag_frames == 10
    assert row.lip_lead > 0.4 > 0 > row.lip_strength


def test_results_come_in_the_order_of_the_rows_and_travel_to_a_worker():
    opening = syllables(25)
    rows = [
        QualityInput(
            i, 25, 25.0, encode_video(None, map(draw, opening), 25), None, track_of(opening).to_bytes()
        )
        for i in ("b", "a")
    ]
    stage = pickle.loads(pickle.dumps(Quality()))
    assert [result.id for result in stage(rows)] == ["b", "a"]


def test_a_clip_without_a_frame_is_an_error_that_names_it():
    empty = encode_video(None, [draw(0.0)], 25)
    row = QualityInput("c9", 1, 25.0, empty[:-400], None, track_of(np.zeros(1)).to_bytes())
    with pytest.raises(ValueError, match="c9"):
        Quality()([row])
