"""What a video says of the renderer that made it: it is read again from every copy, and from nothing else."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from storage.media.encode import encode_video
from storage.media.renderer import WORLD, renderer_of
from tests.media_files import DATA, needs_data

GREY = np.full((32, 32, 3), 120, np.uint8)


def video(frames: int = 5, **more: str) -> bytes:
    return encode_video(None, [GREY] * frames, 25, np.zeros(frames * 640), preset="ultrafast", **more)  # type: ignore[arg-type]


def asked(data: bytes) -> str | None:
    return renderer_of(io.BytesIO(data))


def copied(data: bytes, path: Path, **options: str) -> bytes:
    """As programs copy a file without encoding it again: with what it says of itself."""
    with av.open(io.BytesIO(data)) as source, av.open(str(path), "w", options=options) as copy:
        copy.metadata.update({k: v for k, v in source.metadata.items() if k == "comment"})
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return path.read_bytes()


def test_a_video_names_its_renderer_only_where_one_made_it() -> None:
    assert asked(video(renderer=WORLD)) == WORLD
    assert asked(video()) == ""


@pytest.mark.parametrize(
    ("name", "options"), [("a.mkv", {}), ("a.mov", {}), ("a.mp4", {"movflags": "+faststart"})]
)
def test_a_copy_in_another_container_still_names_it(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    assert asked(copied(video(renderer=WORLD), tmp_path / name, **options)) == WORLD


def test_it_is_found_behind_a_long_index(tmp_path: Path) -> None:
    """With the index first, and longer than what is read of the beginning."""
    data = copied(video(9000, renderer=WORLD), tmp_path / "a.mp4", movflags="+faststart")
    assert data.index(b"redub renderer") > 1 << 16
    assert data.index(b"redub renderer") < len(data) - (1 << 16)
    assert asked(data) == WORLD


@pytest.mark.parametrize(
    "data",
    [
        b"", b"404 Not Found\n", b"RIFF\0\0\0\0WAVEfmt redub renderer: world.",
        video(renderer=WORLD)[:900],
    ],
    ids=["empty", "text", "sound", "cut off"],
)  # fmt: skip
def test_what_is_no_video_is_nobody_s_footage(data: bytes) -> None:
    assert asked(data) is None


@pytest.mark.parametrize("length", [0, 1, 7, 16, 2**32 - 1])
def test_lengths_that_lie_end_the_search(length: int) -> None:
    assert asked(struct.pack(">I4s8x", length, b"free") * 200) in ("", None)


@needs_data
def test_real_footage_names_none() -> None:
    for path in (DATA / "clips").iterdir():
        with path.open("rb") as file:
            assert renderer_of(file) == "", path
