"""From drawn and real sources to clips: where the face lies, how steady, how long, and in step with the sound."""

import io

import numpy as np
import pytest

from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.store import Store
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.ingest.track_data import TrackData
from tasks.probe import Probe, ProbeConfig
from tasks.stage import Expanded, Rejected
from tests.footage import BACK, Dots, draw, ingest, ingest_stage, input_of, middles, timed_video
from tests.media_files import DATA, narrow, needs_data, source_of

WALL = (320, 180)


def made(path, faces_at, frames, size=WALL, audio=None, back=None):
    """A source: `faces_at(t)` are the faces of frame t."""
    pictures = (draw(size, faces_at(t), *([back(t)] if back else [])) for t in range(frames))
    encode_video(path, pictures, 25, audio, crf=4, preset="ultrafast")
    return path


def frames_of(data):
    with open_media(io.BytesIO(data)) as media:
        return list(decode_video(media))


def centres(clip):
    """Of the face, in shares of the clip's side."""
    found = np.array([middles(rgb) for rgb in frames_of(clip.video)])
    side = frames_of(clip.video)[0].shape[0]
    return ((found[:, :2].mean(1) + found[:, 2]) / 2) / side


def test_a_swaying_face_stays_in_the_middle_and_does_not_tremble(tmp_path):
    path = made(tmp_path / "a.mp4", lambda t: [(160 + 40 * np.sin(t / 15), 90 + t / 10, 60)], 75)
    (clip,) = ingest(path).rows
    assert (clip.frames, clip.fps, clip.shot, clip.faces, clip.damage) == (75, 25.0, 0, 1, "")
    way = centres(clip)
    assert np.abs(way[12:-12] - 0.5).max() < 0.01
    assert np.abs(way - 0.5).max() < 0.025
    assert np.abs(np.diff(way, 2, axis=0)).max() * 128 < 0.5
    track = TrackData.from_bytes(clip.track_data)
    assert np.abs(track.five_T52[:, [0, 1, 3, 4]].mean(1) / 128 - way).max() < 0.012


def test_trembling_landmarks_do_not_make_the_crop_tremble(tmp_path):
    class Nervous(Dots):
        noise = np.random.default_rng(0)

        def shape(self, rgb_HWC, box, known=None):
            found = super().shape(rgb_HWC, box)
            if found is not None:
                found.five_52[:] += self.noise.normal(0, 3, (1, 2))
            return found

    path = made(tmp_path / "a.mp4", lambda t: [(160, 90, 60)], 60)
    (clip,) = ingest(path, Nervous()).rows
    square = TrackData.from_bytes(clip.track_data).square_T3
    assert np.abs(np.diff(square[:, :2], 2, axis=0)).max() < 0.5


def test_a_fast_head_stays_inside(tmp_path):
    def dash(t):
        return 80 + 160 / (1 + np.exp(-(t - 30) / 1.5))

    path = made(tmp_path / "a.mp4", lambda t: [(dash(t), 90, 50)], 60)
    (clip,) = ingest(path).rows
    assert clip.frames == 60
    assert np.abs(centres(clip) - 0.5).max() < 0.15


def test_a_face_that_leaves_and_returns_gives_two_clips_and_a_short_gap_none(tmp_path):
    def visits(t):
        return [] if 40 <= t < 70 or 90 <= t < 96 else [(160, 90, 60)]

    path = made(tmp_path / "a.mp4", visits, 120)
    first, second = ingest(path).rows
    assert (first.start_s, first.frames) == (0.0, 40)
    assert 2.8 <= second.start_s <= 3.0
    assert second.start_s + second.frames / 25 == 4.8
    assert 5 <= round(second.lost_share * second.frames) <= 10


def test_cuts_and_long_spans_end_clips_which_never_overlap(tmp_path):
    path = made(tmp_path / "a.mp4", lambda t: [(160, 90, 60)], 130, back=lambda t: (70 + 40 * (t >= 50),) * 3)
    clips = ingest(path, max_seconds=2.0).rows
    assert [(c.start_s, c.frames, c.shot) for c in clips] == [(0, 50, 0), (2.0, 50, 1), (4.0, 30, 1)]
    assert len({c.id for c in clips}) == 3


def test_several_faces_as_the_recipe_says(tmp_path):
    """The smaller one's mouth follows the sound; the larger one moves its own."""
    rng = np.random.default_rng(1)
    said, other = (
        np.clip(np.convolve(rng.normal(0, 1, 100), np.ones(3) / 2, "same"), 0, 1) for _ in range(2)
    )
    loud = np.repeat(said, 640) * 0.5 + 0.001
    hiss = rng.normal(0, 0.3, len(loud)).astype(np.float32) * loud.astype(np.float32)

    def both(t):
        return [(80, 90, 50, 0.02 + 0.2 * said[t]), (230, 90, 60, 0.02 + 0.2 * other[t])]

    path = made(tmp_path / "a.mp4", both, 100, audio=hiss)
    answers = {how: ingest(path, faces=how) for how in ("reject", "largest", "every", "speaking")}
    assert answers["reject"].code == "several_faces"
    (largest,), (speaking,) = answers["largest"].rows, answers["speaking"].rows
    assert largest.face_px > 55 > speaking.face_px
    assert (largest.faces, speaking.faces) == (2, 2)
    every = answers["every"].rows
    assert len({c.id for c in every}) == 2
    assert {round(c.face_px, -1) for c in every} == {50, 60}


@pytest.mark.parametrize("kind", ["plain", "late sound", "variable", "sixty"])
def test_a_clap_is_heard_when_it_is_seen(kind, tmp_path):
    times = {
        "variable": [t for t in range(0, 3000, 40) if t % 280 not in (80, 120)],
        "sixty": [round(k * 1000 / 60) for k in range(180)],
    }.get(kind, list(range(0, 3000, 40)))
    clap = 1400
    sound = np.zeros(48000, np.float32)
    start = 0.4 if kind == "late sound" else 0.0
    at = round((clap / 1000 - start) * 16000)
    sound[at : at + 160] = 0.9
    lights = [(200,) * 3 if 0 <= t - clap < 80 else BACK for t in times]
    pictures = [draw(WALL, [(160, 90, 60)], light) for light in lights]
    path = timed_video(tmp_path / "a.mkv", pictures, times, sound, start)
    (clip,) = ingest(path).rows
    assert clip.fps == 25.0
    light = np.array([rgb[:8].mean() for rgb in frames_of(clip.video)])
    seen = int(np.argmax(light > 120)) / 25
    for data in (clip.audio, clip.video):
        with open_media(io.BytesIO(data)) as media:
            heard = decode_audio(media).samples
        assert abs(int(np.argmax(np.abs(heard) > 0.3)) / 16000 - seen) <= 0.02
    with open_media(io.BytesIO(clip.audio)) as media:
        assert len(decode_audio(media).samples) == clip.frames * 640


def test_what_gives_no_clip_says_why(tmp_path):
    none = made(tmp_path / "none.mp4", lambda t: [], 40)
    small = made(tmp_path / "small.mp4", lambda t: [(160, 90, 30)], 40)
    short = made(tmp_path / "short.mp4", lambda t: [(160, 90, 60)] * (t < 20), 40)
    assert ingest(none).code == "no_face"
    assert (answer := ingest(small, min_face_px=40.0)).code == "face_too_small"
    assert "30 pixels" in answer.reason
    assert ingest(short).code == "too_short"
    row = input_of(short)
    short.write_bytes(short.read_bytes() + b"more")
    assert ingest_stage()([row])[0].code == "changed"


def test_somebody_else_in_the_same_place_is_another_track(tmp_path):
    """No cut to see: the picture stays, the person changes."""

    class ByHeight:
        def embed(self, rgb_HWC, five_52):
            right = rgb_HWC[:8].mean() > 100
            return np.array([right, not right], np.float32)

    def back(t):
        return (60 + min(max(t - 50, 0), 20) * 4,) * 3

    path = made(tmp_path / "a.mp4", lambda t: [(160, 90, 60)], 120, back=back)
    clips = ingest(path, embedder=ByHeight()).rows
    assert len(clips) == 2
    assert clips[0].track != clips[1].track
    assert clips[0].embedding == [0, 1]
    assert clips[1].embedding == [1, 0]
    assert clips[0].start_s + clips[0].frames / 25 <= clips[1].start_s


def test_the_same_source_gives_the_same_clips(tmp_path):
    path = made(tmp_path / "a.mp4", lambda t: [(160, 90, 60)], 40, audio=np.zeros(25600, np.float32))
    assert ingest(path).rows == ingest(path).rows


REAL = {
    "clips/pwij3p.mpg": [(0, 75)],
    "bad/base_ok.mp4": [(0, 122)],
    "bad/jump_cut_same_person.mp4": [(0, 75), (75, 75)],
    "bad/two_faces_left_speaks.mp4": [(0, 75)],
    "bad/corrupt_midstream.mp4": [(0, 122)],
    "bad/no_face.mp4": "no_face",
    "bad/small_face_68px.mp4": "face_too_small",
}


@pytest.fixture(scope="module")
def real_stage():
    pytest.importorskip("mediapipe")
    model = str(DATA / "models" / "face_landmarker_v2_with_blendshapes.task")
    config = IngestConfig(size=128, face="mediapipe", face_model=model, identity_model="", min_face_px=64.0)
    stage = Ingest(config)
    stage.setup(Store())
    yield stage
    stage.face.close()


@needs_data
@pytest.mark.parametrize("name", REAL)
def test_real_files_end_as_they_should(name, real_stage):
    probe = Probe()
    probe.setup(Store())
    (known,) = probe([source_of(DATA / name)])
    (answer,) = real_stage([narrow(IngestInput, known.rows[0])])
    if isinstance(answer, Rejected):
        assert answer.code == REAL[name]
        return
    assert isinstance(answer, Expanded)
    assert [(round(c.start_s * 25), c.frames) for c in answer.rows] == REAL[name]
    if "corrupt" in name:
        assert "corrupt video frames" in answer.rows[0].damage
        assert "undecodable sound packets" in answer.rows[0].damage
    if "two_faces" in name:
        square_T3 = TrackData.from_bytes(answer.rows[0].track_data).square_T3
        assert square_T3[:, 0].max() < 360


def test_a_long_source_in_parts_loses_no_frame_and_stays_in_step(tmp_path):
    """Each frame's wall has its own grey, and the sound is a ramp: both must meet again in the clips."""
    frames, rate = 150, 16000
    ramp = np.linspace(-0.5, 0.5, frames * rate // 25, dtype=np.float32)
    tone = (ramp * np.sign(np.sin(np.arange(len(ramp)) / 4))).astype(np.float32)
    path = made(
        tmp_path / "a.mp4", lambda t: [(160, 90, 60)], frames, audio=tone, back=lambda t: (40 + t,) * 3
    )
    probe = Probe(ProbeConfig(part_seconds=2.0))
    probe.setup(Store())
    (known,) = probe([source_of(path)])
    assert [(r.part_start_s, r.part_stop_s) for r in known.rows] == [(0.0, 2.0), (2.0, 4.0), (4.0, None)]
    assert len({r.id for r in known.rows}) == 3
    stage = ingest_stage()
    clips = [c for row in known.rows for c in stage([narrow(IngestInput, row)])[0].rows]
    assert [(c.part, c.start_s, c.frames) for c in clips] == [(0, 0.0, 50), (1, 2.0, 50), (2, 4.0, 50)]
    for clip in clips:
        first = round(clip.start_s * 25)
        greys = [rgb[2, 2].mean() for rgb in frames_of(clip.video)]
        assert np.allclose(greys, 40 + first + np.arange(50), atol=2.5)
        with open_media(io.BytesIO(clip.audio)) as media:
            sound = decode_audio(media).samples
        expected = tone[first * 640 : (first + 50) * 640]
        assert np.abs(np.abs(sound[800:-800]) - np.abs(expected[800:-800])).mean() < 0.03
