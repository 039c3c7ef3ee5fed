"""Takes: the same numbers give the same bytes, and in a pair only the lips differ."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.sources import list_sources
from storage.store import Store
from tasks.render import Render, RenderConfig
from tasks.stage import Rejected
from tasks.truth import SPEECH, Truth
from tests.tasks.test_studio import take as studio_take  # noqa: F401 - a fixture

SMALL = RenderConfig(width=128, height=96, min_seconds=1.0, max_seconds=1.4, occluded=0.5, pairs=True)


def rendered(spec, config=SMALL):
    stage = Render(config)
    stage.setup(Store())
    results = stage(list_sources(spec, Store()).sources)
    return [r if isinstance(r, Rejected) else r.rows[0] for r in results]


@pytest.fixture(scope="module")
def rows():
    return rendered("world:people=3,takes=2")


def frames_of(video):
    with open_media(io.BytesIO(video)) as media:
        return np.stack([rgb.astype(np.int16) for rgb in decode_video(media)]), decode_audio(media).samples


def test_a_take_can_be_made_again_alone(rows):
    (again,) = rendered("world:people=1,takes=1")
    assert vars(again) == vars(rows[0])
    assert len({row.video for row in rows}) == len(rows)


def test_videos_are_as_long_as_their_truth_and_have_sound(rows):
    for row in rows:
        truth = Truth.from_bytes(row.truth)
        frames, sound = frames_of(row.video)
        assert len(frames) == row.frames == len(truth.coefficients_FC) == len(truth.five_F52)
        assert len(sound) == pytest.approx(16000 * row.frames / row.fps, abs=1600)
        assert np.sqrt((sound**2).mean()) > 0.005
        assert truth.phones
        assert bool(row.occluder) == bool(truth.occluder_FHW.any())


def test_only_the_lips_differ_in_a_pair(rows):
    for row in rows:
        main, dub = Truth.from_bytes(row.truth), Truth.from_bytes(row.dub_truth)
        still = [i for i, name in enumerate(main.names) if name not in SPEECH]
        assert np.array_equal(main.coefficients_FC[:, still], dub.coefficients_FC[:, still])
        assert np.abs(main.speech() - dub.speech()).max() > 0.3
        assert np.array_equal(main.face_FHW, dub.face_FHW), "the mask must not tell the mouth"
        (a, _), (b, _) = frames_of(row.video), frames_of(row.dub)
        difference = np.abs(a - b).max(axis=3)
        assert difference[main.face_FHW].max() > 40
        # Above the eyes only the codec differs; below, speech moves cheeks and jaw.
        rows_H = np.arange(row.height)[None, :, None]
        above = np.broadcast_to(rows_H < main.five_F52[:, :2, 1].min(1)[:, None, None] - 4, difference.shape)
        assert np.quantile(difference[above], 0.999) < 40


def test_takes_of_another_renderer_enter_the_same_table(studio_take):  # noqa: F811
    path = studio_take / "take.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"licence": "ours", "consent": "contract 3"}))
    (row,) = rendered(str(Path(studio_take).parent / "**" / "take.json"))
    assert (row.renderer, row.speaker, row.licence) == ("Unreal Engine 5.6", "anna", "ours")
    assert (row.frames, row.width, row.height) == (10, 32, 32)
    assert Truth.from_bytes(row.dub_truth).names[0] == "jawOpen"
    frames, _ = frames_of(row.dub)
    assert [round(float(f.mean()), -1) for f in frames] == [20 * i for i in range(10)]
    (studio_take / "main.csv").unlink()
    (refused,) = rendered(str(path))
    assert refused.code == "no_coefficients"
