"""Which frames of a video are given, and which are only counted."""

import numpy as np

from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video


def test_of_many_frames_only_some_are_given_and_all_are_counted(tmp_path):
    frames = [np.full((32, 32, 3), 20 * n, np.uint8) for n in range(10)]
    encode_video(tmp_path / "ten.mp4", frames, 25)
    with open_media((tmp_path / "ten.mp4").open("rb")) as media:
        given = list(video := decode_video(media, only=(1, 5, 9)))
    assert video.count == 10
    assert [round(float(rgb.mean()) / 20) for rgb in given] == [1, 5, 9]
