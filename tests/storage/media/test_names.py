"""What is in a file is told by its content: libav would go by the ending of its name."""

from pathlib import Path

import pytest

from storage.media.container import MediaError, open_media
from storage.media.decode import decode_video
from storage.store import Store
from tests.media_files import grey_video

KINDS = {"mpg": "mpeg2video", "mp4": "libx264", "webm": "libvpx"}


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.yuv", "a.m3u8", "a.sdp", "a.txt", "a"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_video_is_one_whatever_it_is_called(kind: str, name: str, tmp_path: Path) -> None:
    made = grey_video(tmp_path / f"made.{kind}", range(0, 2000, 40), codec=KINDS[kind])
    odd = made.rename(tmp_path / name)
    with Store().open(str(odd)) as file, open_media(file) as media:
        assert sum(1 for _ in decode_video(media)) >= 48


def test_a_text_is_none_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.mpg").write_text("no video\n" * 100)
    with (
        open(tmp_path / "a.mpg", "rb") as file,
        pytest.raises(MediaError, match="the content is text"),
        open_media(file),
    ):
        pass
