"""The other half of a pair that is given with a source: taken when it fits, and refused with what does not."""

import io
import os
import re
from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import pytest

from storage.media.container import open_media
from storage.media.decode import decode_audio
from storage.media.encode import encode_video
from storage.sources.listing import with_companion
from storage.sources.takes import Take
from storage.store import Store
from tasks.companion import Companion, CompanionConfig
from tasks.companion.clip_files import frames_of
from tasks.companion.rows import CompanionRow
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.ingest.track_data import TrackData
from tasks.masks import pack
from tasks.partner import Partner, PartnerInput
from tasks.probe import Probe
from tasks.source_parts import content_id
from tasks.stage import Rejected
from tasks.world_take import WorldTake
from tests.media_files import narrow, source_of

SIZE = (160, 120)
NO_GENERATOR = CompanionConfig(generator="")


def write(path, recording, fps=25.0, frames=slice(None)):
    encode_video(path, recording.rendered.rgb_FHWC[frames], fps, recording.sound, crf=8)
    return path


@pytest.fixture(scope="module")
def take():
    """A pair of the procedural world."""
    return WorldTake(Take(0, 1, 0), SIZE, (2.0, 2.0), 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def folder(take, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    write(folder / "a.mp4", take.main)
    write(folder / "dub.mp4", take.dub)
    return folder


def started(stage):
    stage.setup(Store())
    return stage


@pytest.fixture(scope="module")
def ingest():
    return started(Ingest(IngestConfig()))


@pytest.fixture(scope="module")
def companion():
    return started(Companion(NO_GENERATOR))


def paired(video, other, origin="rendered"):
    status = os.stat(other)
    return with_companion(source_of(video), str(other), status.st_size, status.st_mtime_ns, origin)


def probed(video, other):
    (answer,) = started(Probe())([paired(video, other)])
    return answer


@pytest.fixture(scope="module")
def clip(folder, ingest):
    (answer,) = ingest([narrow(IngestInput, probed(folder / "a.mp4", folder / "dub.mp4").rows[0])])
    (clip,) = answer.rows
    return clip


def chosen(clip):
    """What the partner stage says of it."""
    (row,) = Partner()([narrow(PartnerInput, SimpleNamespace(speaker="ann", split="train"), clip)], [])
    return row


def asked(clip, **changed):
    """The input of the stage, with a mask over the middle of the picture."""
    clip = replace(clip, **changed)
    frames = len(TrackData.from_bytes(clip.track_data).square_T3)
    face = np.zeros((frames, 64, 64), bool)
    face[:, 20:60, 16:48] = True
    masks = SimpleNamespace(face_masks=pack(face), occluder_masks=pack(np.zeros_like(face)))
    sounds = SimpleNamespace(partner_audio=clip.audio, second_audio=None, third_audio=None)
    return narrow(Companion.Input, chosen(clip), masks, clip, sounds)


def other_half(clip, path):
    """The same clip, as if this file had been given with its source."""
    with open(path, "rb") as file:
        return asked(clip, companion=str(path), companion_content=content_id(file))


def made_of(companion, row):
    (made,) = companion([row])
    assert isinstance(made, CompanionRow), made
    return made


def test_a_given_half_is_its_own_partner(clip):
    row = chosen(clip)
    assert (row.how, row.partner, row.start, row.second, row.third) == ("given", clip.id, 0, None, None)


def test_it_is_cut_as_its_clip_was_so_that_unmoved_pixels_stay_the_same(take, tmp_path):
    """Also in the middle of a source, and of one of another rate."""
    rgb_FHWC, sounds = take.main.rendered.rgb_FHWC, (take.main.sound, take.dub.sound)
    for name, sound in zip(("a.mp4", "other.mp4"), sounds, strict=True):
        encode_video(tmp_path / name, [*rgb_FHWC, *rgb_FHWC[::-1]], 30.0, np.tile(sound, 2), crf=8)
    source = narrow(IngestInput, probed(tmp_path / "a.mp4", tmp_path / "other.mp4").rows[0])
    (found,) = started(Ingest(IngestConfig(max_seconds=1.0, crf=1)))([source])
    assert len(found.rows) == 3
    finely = started(Companion(CompanionConfig(generator="", crf=1)))
    for clip, row in zip(found.rows, finely([asked(one) for one in found.rows]), strict=True):
        own, other = frames_of(clip.video).astype(float), frames_of(row.companion_video).astype(float)
        assert own.shape == other.shape
        assert decibels(own - other) > 50, clip.start_s
        assert decibels(own[1:] - other[:-1]) < 40, "a frame late would show"


def test_of_an_aligned_pair_the_lips_alone_differ(clip, companion):
    row = made_of(companion, asked(clip))
    assert (row.id, row.origin, row.segments, row.starts, row.seams, row.drifts) == (
        clip.id, "rendered", 0, [], [], [],
    )  # fmt: skip
    apart = frames_of(clip.video).astype(float) - frames_of(row.companion_video)
    mouth_T2 = TrackData.from_bytes(clip.track_data).five_T52[:, 3:].mean(axis=1)
    x, y = mouth_T2.mean(axis=0).round().astype(int)
    assert decibels(apart[:, :10]) > 34
    assert decibels(apart[:, y - 4 : y + 5, x - 5 : x + 6]) < decibels(apart[:, :10]) - 6


def decibels(apart):
    return 10 * np.log10(255**2 / max(np.square(apart).mean(), 1e-9))


def test_it_speaks_the_sound_that_it_came_with(clip, companion, take):
    row = made_of(companion, asked(clip))
    with open_media(io.BytesIO(row.companion_audio)) as media:
        heard = decode_audio(media, rate=16000).samples
    assert len(heard) == clip.frames * 640
    start = round(clip.start_s * 16000)
    own, other = (half.sound[start : start + len(heard)] for half in (take.dub, take.main))
    assert np.corrcoef(heard, own)[0, 1] > 0.9
    assert abs(np.corrcoef(heard, other)[0, 1]) < 0.3
    with open_media(io.BytesIO(row.companion_video)) as media:
        assert media.audio is not None


def test_without_a_generator_only_given_pairs_are_taken(clip, companion):
    alone = replace(asked(clip), id="alone", how="other_utterance", companion=None)
    made, refused = companion([asked(clip), alone])
    assert made.origin == "rendered"
    assert isinstance(refused, Rejected)
    assert (refused.id, refused.code) == ("alone", "no_generator")
    assert "name a generator" in refused.reason
    assert set(companion.weights()) == {"mini:face"}


def shorter(path, take):
    return write(path, take.dub, frames=slice(0, 40))


def slower(path, take):
    return write(path, take.dub, fps=24.0)


def smaller(path, take):
    encode_video(path, take.dub.rendered.rgb_FHWC[:, ::2, ::2], 25.0, take.dub.sound)
    return path


def elsewhere(path, take):
    encode_video(path, np.roll(take.dub.rendered.rgb_FHWC, SIZE[0] // 2, axis=2), 25.0, take.dub.sound)
    return path


def nobody(path, take):
    encode_video(path, np.full_like(take.dub.rendered.rgb_FHWC, 90), 25.0, take.dub.sound)
    return path


def soundless(path, take):
    encode_video(path, take.dub.rendered.rgb_FHWC, 25.0)
    return path


def silent(path, take):
    encode_video(path, take.dub.rendered.rgb_FHWC, 25.0, np.zeros_like(take.dub.sound))
    return path


def not_a_number(path, take):
    """PCM of floats in a Matroska file, as the other formats can't hold NaN."""
    sound = take.dub.sound.astype(np.float32).copy()
    sound[8000:8100] = np.nan
    with av.open(str(path), "w", format="matroska") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "8"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        track = out.add_stream("pcm_f32le", rate=16000, layout="mono")
        for rgb in take.dub.rendered.rgb_FHWC:
            out.mux(video.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(video.encode(None))
        for at in range(0, len(sound), 800):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 800], "flt", "mono")
            frame.sample_rate, frame.pts = 16000, at
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return path


def playlist(path, take):
    path.write_bytes(b"#EXTM3U\n/etc/hostname\n")
    return path


def text(path, take):
    path.write_bytes(b"hello, I am a text file\n" * 50)
    return path


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (shorter, "companion_length", r"1\.60 s long, the source 2\.00 s"),
        (slower, "companion_rate", r"24 frames a second, the source 25"),
        (smaller, "companion_size", r"80x60, the source is 160x120"),
        (elsewhere, "companion_face", r"frames|face sizes"),
        (nobody, "companion_face", r"0 of 8 frames"),
        (soundless, "companion_no_sound", r"no sound track"),
        (silent, "companion_silent", r"dBFS, below -50"),
        (not_a_number, "companion_bad_sound", r"100 of its samples are NaN"),
        (playlist, "companion_playlist", r"a list of other files, not a video"),
        (text, "companion_not_media", r"other\.mp4"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_numbers_and_the_others_go_on(
    made, code, said, clip, take, folder, companion
):
    bad = other_half(clip, made(folder / "other.mp4", take))
    answer, good = companion([replace(bad, id="bad"), asked(clip)])
    assert isinstance(answer, Rejected)
    assert answer.code == code, answer
    assert re.search(said, answer.reason), answer.reason
    assert good.id == clip.id


def test_a_file_that_is_away_or_another_one_now_is_no_answer_but_tried_again(clip, companion, folder):
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4 is not there any more: put it back"):
        companion([asked(clip, companion=str(folder / "gone.mp4"))])
    with pytest.raises(ValueError, match="is not the file any more that was listed"):
        companion([asked(clip, companion_content="0" * 20)])


def test_the_probe_refuses_the_same_bytes_and_gives_each_pair_its_own_id(folder):
    copy = folder / "copy.mp4"
    copy.write_bytes((folder / "a.mp4").read_bytes())
    assert probed(folder / "a.mp4", copy).code == "companion_same"
    (alone,) = started(Probe())([source_of(folder / "a.mp4")])
    (folder / "third.mp4").write_bytes(b"x" * 99)
    one, other = (probed(folder / "a.mp4", folder / name).rows[0] for name in ("dub.mp4", "third.mp4"))
    assert len({alone.rows[0].id, one.id, other.id}) == 3
    assert alone.rows[0].companion is None
    assert (one.companion, one.origin) == (str(folder / "dub.mp4"), "rendered")


def test_a_companion_that_went_or_changed_since_it_was_listed_refuses_its_source(folder):
    other = folder / "other.mp4"
    other.write_bytes(b"some bytes")
    source = paired(folder / "a.mp4", other)
    probe = started(Probe())
    other.write_bytes(b"some bytes more")
    assert probe([source])[0].code == "companion_changed"
    other.unlink()
    assert probe([source])[0].code == "companion_gone"
