"""What looking for faces costs: a picture in which nobody is large costs no multiple of one with a face."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.faces import load_face
from models.faces.tflite import SquareNet
from storage.media.container import open_media
from storage.media.decode import decode_pictures, decode_video
from storage.media.encode import encode_video
from tasks.ingest import IngestConfig
from tasks.ingest.tracker import Tracker
from tests.media_files import DATA, needs_data

TASK = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"
SIZE, FRAMES = (720, 1280), 40
MOST_RUNS = 6.0
"""A frame: small faces are sought in 25 squares of a picture of 16 to 9, but not on every frame."""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name for each time that a network is asked."""
    asked: list[str] = []
    ask = SquareNet.__call__

    def counted(net: SquareNet, rgb_HW3: np.ndarray) -> list[np.ndarray]:
        asked.append(net.name)
        return ask(net, rgb_HW3)

    monkeypatch.setattr(SquareNet, "__call__", counted)
    return asked


def person() -> Iterator[np.ndarray]:
    """A real face in the middle of a large grey picture."""
    with (DATA / "clips" / "retalking_5.mp4").open("rb") as file, open_media(file) as media:
        for rgb_HWC in decode_video(media, span=(0.0, FRAMES / 25)):
            picture_HWC = np.full((*SIZE, 3), 90, np.uint8)
            picture_HWC[98:622, 378:902] = rgb_HWC[:524, :524]
            yield picture_HWC


def nobody() -> Iterator[np.ndarray]:
    """The same pictures, cut into squares that were shuffled."""
    order = np.random.default_rng(0).permutation(9 * 16)
    for rgb_HWC in person():
        tiles = rgb_HWC.reshape(9, 80, 16, 80, 3).swapaxes(1, 2).reshape(-1, 80, 80, 3)[order]
        yield tiles.reshape(9, 16, 80, 80, 3).swapaxes(1, 2).reshape(*SIZE, 3)


def tracked(path: Path, pictures: Iterator[np.ndarray]) -> tuple[Tracker, int]:
    config = IngestConfig(face="mesh", face_model=str(TASK))
    encode_video(path, pictures, 25)
    tracker = Tracker(load_face("mesh", str(TASK)), None, config.detect_every, config.min_face_px)
    with path.open("rb") as file, open_media(file) as media:
        for frame, picture in enumerate(decode_pictures(media, fps=None)):
            tracker.step(frame, picture, cut=frame == 0)
    return tracker, frame + 1


@needs_data
def test_a_picture_without_a_large_face_costs_no_multiple_of_one_with(
    tmp_path: Path, runs: list[str]
) -> None:
    tracker, frames = tracked(tmp_path / "nobody.mp4", nobody())
    assert not tracker.tracks
    assert len(runs) < MOST_RUNS * frames
    runs.clear()
    tracker, frames = tracked(tmp_path / "person.mp4", person())
    (track,) = tracker.tracks
    assert track.seen == frames
    assert len(runs) < 1.6 * frames, "its landmarks each time, and a detector now and then"
