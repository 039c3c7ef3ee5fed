"""Frames of a clip by their numbers: exactly those that a decode of the whole clip gives, wherever they are."""

import io

import numpy as np
import pytest

from storage.batches.frames import frames_at
from storage.errors import StorageError
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_flac, encode_video


def moving(count, side=64):
    y, x = np.mgrid[0:side, 0:side]
    wave = [np.sin((x + 3 * i) / 7) + np.cos((y - 2 * i) / 5) for i in range(count)]
    return [(w[..., None] * (50, 40, 30) + 120).astype(np.uint8) for w in wave]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium"])
def test_they_are_those_of_a_whole_decode_wherever_they_lie(preset):
    sound = np.zeros(16000, np.float32)
    video = encode_video(None, moving(600), 25, sound, preset=preset)  # more than one key frame
    with open_media(io.BytesIO(video)) as media:
        whole = list(decode_video(media))
    assert len(whole) == 600
    for wanted in ([0], [599], range(24, 49), [*range(3, 28), 599], [260, 5, *range(500, 525)], range(600)):
        found = frames_at(video, wanted, 25, "c1")
        assert sorted(found) == sorted(set(wanted))
        assert all(np.array_equal(found[number], whole[number]) for number in found)


def test_a_clip_that_lacks_them_is_named():
    video = encode_video(None, moving(30), 25)
    with pytest.raises(StorageError, match="clip c1 has no frame 30 that can be decoded"):
        frames_at(video, range(10, 35), 25, "c1")
    with pytest.raises(StorageError, match="clip c1 has no picture"):
        frames_at(encode_flac(np.zeros(1600, np.float32), 16000), [0], 25, "c1")
