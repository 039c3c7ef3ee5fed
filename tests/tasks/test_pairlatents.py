"""The latents of pairs' windows: each of a video's own frames alone, of companions and of both halves relit."""

import io

import numpy as np
import pytest
import torch

from models.mini.generator.people import film
from models.vae.opening import load_vae
from models.vae.pictures import as_video, encoded
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video
from storage.store import Store
from tasks.latent_windows import WindowShape, unpack, unpack_single
from tasks.pairlatents import PairLatents, PairLatentsInput, PairLatentsRow
from tasks.relitlatents import RelitLatents, RelitLatentsInput, RelitLatentsRow
from tasks.window_stage import LatentsConfig

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = LatentsConfig(frames=9, stride=8)


@pytest.fixture(scope="module")
def videos() -> list[bytes]:
    """Both halves of a rendered pair, 25 frames each."""
    return [encode_video(None, rgb_FHWC, 25, crf=12) for rgb_FHWC in film(3, occluded=0.0).rgb_2FHWC]


def made(stage, row):  # type: ignore[no-untyped-def]
    stage.setup(Store())
    (result,) = stage([row])
    assert result.id == row.id
    return result


def expected(video: bytes, first: int) -> np.ndarray:
    with open_media(io.BytesIO(video)) as media:
        rgb_FHWC = np.stack(list(decode_video(media)))
    window = as_video(torch.from_numpy(rgb_FHWC[None, first : first + 9]))
    with torch.no_grad():
        return encoded(load_vae("mini:vae"), window)[0].transpose(0, 1).numpy()


def assert_holds(packed: bytes, video: bytes, row: PairLatentsRow | RelitLatentsRow) -> None:
    windows_N1TCHW = unpack(packed)
    assert windows_N1TCHW.shape == (3, 1, 3, 24, 16, 16)
    sizes = (row.windows, row.missing_frames, row.latents, row.channels, row.height, row.width)
    assert sizes == (3, 0, 3, 24, 16, 16)
    shape = WindowShape(row.latents, row.channels, row.height, row.width)
    for number, first in enumerate((0, 8, 16)):
        np.testing.assert_allclose(windows_N1TCHW[number, 0], expected(video, first), rtol=2**-10, atol=1e-4)
        start, count = shape.single(number)
        alone = unpack_single(packed[start : start + count], shape)
        np.testing.assert_array_equal(alone, windows_N1TCHW[number, 0])


def test_each_window_of_a_companion_is_encoded_by_itself_and_read_by_a_range_of_bytes(videos) -> None:  # type: ignore[no-untyped-def]
    row = made(PairLatents(SMALL), PairLatentsInput("c1", videos[1]))
    assert_holds(row.companion_latents, videos[1], row)


def test_both_halves_of_a_relit_pair_are_encoded_and_of_others_none(videos) -> None:  # type: ignore[no-untyped-def]
    row = made(RelitLatents(SMALL), RelitLatentsInput("c1", *videos))
    assert_holds(row.relit_latents, videos[0], row)
    assert_holds(row.relit_companion_latents, videos[1], row)
    none = made(RelitLatents(SMALL), RelitLatentsInput("c2", None, None))
    assert (none.windows, none.relit_latents, none.relit_companion_latents) == (0, None, None)


def test_a_companion_shorter_than_a_window_stays_and_has_none(videos) -> None:  # type: ignore[no-untyped-def]
    row = made(PairLatents(LatentsConfig(frames=29)), PairLatentsInput("c1", videos[1]))
    assert (row.windows, row.missing_frames) == (0, 4)
    assert unpack(row.companion_latents).shape == (0, 1, 8, 24, 16, 16)


def test_halves_of_different_lengths_are_refused(videos) -> None:  # type: ignore[no-untyped-def]
    with open_media(io.BytesIO(videos[1])) as media:
        short = encode_video(None, np.stack(list(decode_video(media)))[:20], 25)
    with pytest.raises(ValueError, match=r"clip c1 relit is .* relight the pair again"):
        made(RelitLatents(SMALL), RelitLatentsInput("c1", videos[0], short))
