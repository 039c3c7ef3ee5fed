"""The probe's answers: ids by content, what is in a file, and a code and reason for everything refused."""

from pathlib import Path

import numpy as np
import pytest

from storage.media.encode import encode_video
from storage.store import Store
from tasks.probe import Probe, ProbeConfig
from tasks.stage import Expanded, Rejected
from tests.media_files import grey_video, sound_file, source_of


def probe(path, **config):
    stage = Probe(ProbeConfig(**config))
    stage.setup(Store())
    (result,) = stage([source_of(path)])
    return result


def good(path, seconds=1.0):
    frames = [np.full((48, 64, 3), 20 + 3 * k, np.uint8) for k in range(round(seconds * 25))]
    encode_video(path, frames, 25, np.zeros(round(seconds * 16000), np.float32))
    return path


def test_a_good_file_is_described_and_renaming_keeps_its_id(tmp_path):
    path = good(tmp_path / "a.mp4")
    first = probe(path)
    assert isinstance(first, Expanded)
    (row,) = first.rows
    assert (row.width, row.height, row.fps, row.frames, row.rotation) == (64, 48, 25.0, 25, 0)
    assert (row.video_codec, row.audio_codec, row.sample_rate, row.channels) == ("h264", "aac", 16000, 1)
    assert row.duration_s == pytest.approx(1.0, abs=0.05)
    assert (row.hdr, row.interlaced, row.sar) == (False, False, "1")
    moved = path.rename(tmp_path / ("ü" * 100 + ".mp4"))
    second = probe(moved)
    assert second.id != first.id
    assert second.rows[0].id == row.id
    assert second.rows[0].uri == str(moved)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n" * 50, "not_media"),
        (np.random.default_rng(0).bytes(5000), "not_media"),
        (b"#EXTM3U\n/etc/hostname\n", "playlist"),
        (b"\0\0\0\x18ftypmp42" + bytes(4000), "broken"),
    ],
)
def test_files_that_are_no_video_get_a_code_and_a_reason(content, code, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    result = probe(path)
    assert isinstance(result, Rejected)
    assert result.code == code
    assert len(result.reason) > 20


def test_a_cut_off_download_says_so(tmp_path):
    path = good(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-500])
    result = probe(path)
    assert (result.code, "cut-off download" in result.reason) == ("broken", True)


def test_sound_without_picture_and_picture_without_sound(tmp_path):
    tone = np.sin(np.arange(16000) / 10)[None] / 2
    assert probe(sound_file(tmp_path / "a.wav", tone, 16000, "mono")).code == "no_video"
    silent = grey_video(tmp_path / "a.mkv", range(0, 1000, 40))
    assert isinstance(probe(silent), Expanded)
    assert probe(silent, need_audio=True).code == "no_audio"


def test_lengths_outside_the_limits_are_refused(tmp_path):
    assert probe(good(tmp_path / "a.mp4", 0.2)).code == "too_short"
    assert probe(good(tmp_path / "a.mp4"), max_duration_s=0.5).code == "too_long"
    assert probe(grey_video(tmp_path / "a.mkv", [0])).code == "too_short"


def test_a_header_that_claims_days_is_refused(tmp_path):
    path = grey_video(tmp_path / "a.mkv", range(0, 1000, 40))
    data = path.read_bytes()
    assert b"00:00:0" in data
    path.write_bytes(data.replace(b"00:00:0", b"99:00:0"))
    result = probe(path)
    assert result.code == "too_long"
    assert "99.0 h of video" in result.reason


def test_absurd_sizes_are_refused(tmp_path):
    path = good(tmp_path / "a.mp4")
    assert probe(path, max_side=32).code == "too_large"
    assert probe(path, max_side=56).code == "too_large"
    assert probe(path, max_bytes=100).code == "too_large"


def test_a_codec_that_hides_its_absurd_size_is_refused_with_the_limit(tmp_path):
    path = grey_video(tmp_path / "a.mkv", range(0, 1000, 40), codec="ffv1")
    assert isinstance(probe(path), Expanded)
    refused = probe(path, max_side=32)
    assert refused.code == "undecodable"
    assert "1024 pixels" in refused.reason


def test_changed_and_deleted_files_are_named_so(tmp_path):
    path = good(tmp_path / "a.mp4")
    listed = source_of(path)
    stage = Probe()
    stage.setup(Store())
    with open(path, "ab") as file:
        file.write(b"more")
    assert stage([listed])[0].code == "changed"
    path.unlink()
    assert stage([listed])[0].code == "gone"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = good(tmp_path / "a.mp4")

    class Growing(Store):
        def open(self, uri):
            with open(uri, "ab") as file:
                file.write(b"!")
            return super().open(uri)

    stage = Probe()
    stage.setup(Growing())
    (result,) = stage([source_of(path)])
    assert result.code == "changed"
    assert "run again" in result.reason


def test_results_come_in_the_order_of_the_rows(tmp_path):
    rows = [source_of(good(tmp_path / f"{k}.mp4", 0.5 + k / 10)) for k in range(3)]
    stage = Probe()
    stage.setup(Store())
    assert [r.id for r in stage(rows)] == [r.id for r in rows]
    assert [Path(r.rows[0].uri).name for r in stage(rows)] == ["0.mp4", "1.mp4", "2.mp4"]
