"""A file of which little can be decoded is told so, and not that nobody is seen in it."""

import random
from pathlib import Path

from storage.media.encode import encode_video
from tasks.stage import Rejected
from tests.footage import draw, ingest
from tests.media_files import grey_video

SIZE = (320, 180)


def test_a_webm_of_noise_after_its_first_pictures_cannot_be_decoded(tmp_path: Path) -> None:
    whole = grey_video(tmp_path / "whole.webm", range(0, 2400, 40), SIZE, codec="libvpx").read_bytes()
    kept = len(whole) // 6
    damaged = tmp_path / "a.webm"
    damaged.write_bytes(whole[:kept] + random.Random(1).randbytes(len(whole) - kept))
    answer = ingest(damaged)
    assert isinstance(answer, Rejected)
    assert answer.code == "undecodable"
    assert "of its picture can be decoded: video stops after" in answer.reason


def test_a_whole_file_without_a_face_is_still_told_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode_video(path, (draw(SIZE, []) for _ in range(50)), 25, None, crf=4, preset="ultrafast")
    answer = ingest(path)
    assert isinstance(answer, Rejected)
    assert (answer.code, "damaged" in answer.reason) == ("no_face", False)
