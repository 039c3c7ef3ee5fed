"""Scores mean what they say, and every awkward real file ends where it should."""

import av
import numpy as np
import pytest

from storage.encode import encode_video
from storage.sources import list_sources
from storage.store import Store
from tasks.probe import Probe
from tasks.quality import Quality, QualityInput
from tasks.stage import Rejected
from tasks.verdict import Verdict, VerdictInput, VerdictRow
from tests.media_files import DATA, narrow, needs_data, source_of

RATE = 16000
TONE = (0.4 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def ready(stage, store=None):
    stage.setup(store or Store())
    return stage


def scored(path):
    """(probe row, quality row) or the rejection."""
    (probed,) = ready(Probe())([source_of(path)])
    if isinstance(probed, Rejected):
        return None, probed
    (row,) = probed.rows
    (scores,) = ready(Quality())([narrow(QualityInput, row)])
    return row, scores


def judged(path):
    """'ok', or the code of the first refusal on the way through probe, quality and verdict."""
    row, scores = scored(path)
    if not isinstance(scores, Rejected):
        (scores,) = Verdict()([narrow(VerdictInput, scores, row)])
    return "ok" if isinstance(scores, VerdictRow) else scores.code


def noise_frames(count=50, level=128, spread=60, moving=True):
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(-spread, spread + 1, (16, 16, 1)), np.ones((8, 8, 3))) + level
    picture = np.clip(blocks, 0, 255).astype(np.uint8)
    return [np.roll(picture, 2 * k * moving, axis=1) for k in range(count)]


def made(path, frames, audio=TONE):
    encode_video(path, frames, 25, audio)
    return scored(path)[1]


def test_a_lively_video_scores_as_one(tmp_path):
    row = made(tmp_path / "a.mp4", noise_frames())
    assert row.frames_decoded == 10
    assert row.damage == ""
    assert row.frozen_share == 0 < row.motion
    assert row.exposure == pytest.approx(0.5, abs=0.06)
    assert row.loudness_db == pytest.approx(20 * np.log10(0.4 / np.sqrt(2)), abs=0.5)
    assert row.silence_share < 0.05
    assert (row.clipping_share, row.nonfinite_audio) == (0, 0)


def test_a_blurred_copy_is_less_sharp_and_a_dark_one_darker(tmp_path):
    sharp = made(tmp_path / "a.mp4", noise_frames())
    blurred = [f[::8, ::8].repeat(8, 0).repeat(8, 1) for f in noise_frames(spread=4)]
    assert made(tmp_path / "b.mp4", blurred).sharpness < sharp.sharpness / 10
    dark = made(tmp_path / "c.mp4", noise_frames(level=4, spread=3))
    assert (dark.exposure < 0.1, dark.dark_share, dark.bright_share) == (True, 1, 0)
    assert made(tmp_path / "d.mp4", noise_frames(level=252, spread=3)).bright_share == 1


def test_a_still_picture_is_frozen_and_a_small_mouth_is_not(tmp_path):
    assert made(tmp_path / "a.mp4", noise_frames(moving=False)).frozen_share > 0.8
    frames = [frame.copy() for frame in noise_frames(moving=False)]
    for k, frame in enumerate(frames):
        frame[90:102, 56:72] = 40 + 160 * (k // 3 % 2)
    assert made(tmp_path / "b.mp4", frames).frozen_share < 0.7


def test_sound_is_scored_over_the_time_of_the_picture(tmp_path):
    silent = made(tmp_path / "a.mp4", noise_frames(), np.zeros(2 * RATE, np.float32))
    assert (silent.silence_share, silent.loudness_db) == (1, -120)
    half = made(tmp_path / "b.mp4", noise_frames(), TONE[:RATE])
    assert half.silence_share == pytest.approx(0.5, abs=0.08)
    assert "sound stops after 1.0 of 2.0 s" in half.damage
    loud = made(tmp_path / "c.mp4", noise_frames(), np.sign(TONE))
    assert loud.clipping_share > 0.01
    none = made(tmp_path / "d.mp4", noise_frames(), None)
    assert (none.loudness_db, none.silence_share, none.clipping_share) == (None, None, None)


def test_the_poster_shows_three_pictures(tmp_path):
    frames = [np.full((96, 128, 3), level, np.uint8) for level in (60, 128, 200) for _ in range(20)]
    frames = [f + (np.arange(128, dtype=np.uint8) % 2)[None, :, None] for f in frames]
    poster = made(tmp_path / "a.mp4", frames).poster
    context = av.CodecContext.create("mjpeg", "r")
    (image,) = [*context.decode(av.Packet(poster)), *context.decode(None)]
    rgb = image.to_ndarray(format="rgb24")
    assert rgb.shape == (96, 384, 3)
    thirds = [rgb[:, i * 128 : i * 128 + 128].mean() for i in range(3)]
    assert thirds == sorted(thirds)
    assert thirds[2] - thirds[0] > 100


def test_a_source_that_changed_since_the_probe_is_an_error(tmp_path):
    path = tmp_path / "a.mp4"
    encode_video(path, noise_frames(), 25, TONE)
    (probed,) = ready(Probe())([source_of(path)])
    with open(path, "ab") as file:
        file.write(b"more")
    with pytest.raises(RuntimeError, match="changed since it was probed"):
        ready(Quality())([narrow(QualityInput, probed.rows[0])])


EXPECTED = {
    "base_ok.mp4": "ok",
    "base_ok_faststart.mp4": "ok",
    "nämé with spaces & 'quotes' 中文.mp4": "ok",
    "zero_byte.mp4": "empty",
    "text_renamed.mp4": "not_media",
    "truncated_no_moov.mp4": "broken",
    "truncated_faststart.mp4": "damage",
    "corrupt_midstream.mp4": "damage",
    "no_audio.mp4": "no_audio",
    "audio_only.mp4": "no_video",
    "cover_art_only.m4a": "cover_art",
    "two_audio_tracks.mkv": "ok",
    "silent_audio_track.mp4": "silence_share",
    "audio_half_length.mp4": "damage",
    "single_frame.mp4": "too_short",
    "vfr.mp4": "ok",
    "fps60.mp4": "ok",
    "audio_start_pts_0.4s.mp4": "ok",
    "frozen_face_with_speech.mp4": "frozen_share",
    "rotated_display_matrix.mp4": "ok",
    "hdr10_hevc_10bit.mp4": "ok",
    "odd_dims_511x401_yuv444.mp4": "ok",
    "odd_dims_511x401_vp9.webm": "ok",
    "anamorphic_sar_12_11.mp4": "ok",
    "full_range_yuvj420p_gray.mp4": "ok",
    "interlaced_tff.mpg": "ok",
    "surround51_in_mp4.mp4": "ok",
    # What only a face detector or a sync model can tell: these pass here.
    "desync_audio_late_12f.mp4": "ok",
    "desync_audio_early_12f.mp4": "ok",
    "small_face_68px.mp4": "ok",
    "no_face.mp4": "ok",
    "two_faces_left_speaks.mp4": "ok",
    "scene_cut_3_people.mp4": "ok",
    "jump_cut_same_person.mp4": "ok",
    "README.txt": "not_media",
}


@needs_data
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_awkward_file_ends_where_it_should(name):
    assert judged(DATA / "bad" / name) == EXPECTED[name]


@needs_data
def test_every_awkward_file_is_expected_somewhere_and_sound_files_are_no_videos():
    listing = list_sources(str(DATA / "bad"), Store(), compare=False)
    names = {source.uri.rsplit("/", 1)[1] for source in listing.sources}
    sounds = {name for name in names if name.endswith(".wav")}
    assert names - sounds == set(EXPECTED)
    assert len(sounds) == 10
    assert {judged(DATA / "bad" / name) for name in sounds} == {"no_video"}


@needs_data
def test_real_talking_heads_pass():
    for name in ("bbaf2n.mpg", "pwij3p.mpg", "lbax4n.mpg", "retalking_1.mp4", "retalking_5.mp4"):
        assert judged(DATA / "clips" / name) == "ok", name
