"""The latents of a clip's windows: each of its own frames alone, one readable by a range of bytes."""

import io

import numpy as np
import pytest
import torch

from models.mini.world_clips import make_clip
from models.vae.opening import load_vae
from models.vae.pictures import as_video, encoded
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video
from storage.store import Store
from tasks.latent_windows import WindowShape, pack, unpack, unpack_latent, unpack_window
from tasks.latents import Latents, LatentsInput, LatentsRow
from tasks.masks import pack as pack_masks
from tasks.window_stage import LatentsConfig

pytestmark = pytest.mark.usefixtures("one_thread")


def video_of(clip, frames):
    return encode_video(None, clip.rgb_FHWC[:frames], 25)


def made_of(clip, frames, window=25, stride=12, video=None):
    """Of the clip's first frames. `video`: their bytes, since x264 does not always give the same ones."""
    stage = Latents(LatentsConfig(frames=window, stride=stride))
    stage.setup(Store())
    masks = pack_masks(clip.face_FHW[:frames]), pack_masks(clip.occluder_FHW[:frames])
    (row,) = stage([LatentsInput("c1", video or video_of(clip, frames), *masks)])
    return row


@pytest.fixture(scope="module")
def clip():
    return make_clip(3, 11, 30, kind="hand")


def test_windows_lie_on_the_grid_and_each_is_encoded_by_itself(clip):
    video = video_of(clip, 30)
    row = made_of(clip, 30, window=9, stride=10, video=video)
    windows_N2TCHW = unpack(row.window_latents)
    assert windows_N2TCHW.shape == (3, 2, 3, 24, 16, 16)
    assert (row.windows, row.latents, row.channels, row.height, row.width) == (3, 3, 24, 16, 16)
    with open_media(io.BytesIO(video)) as media:
        rgb_FHWC = torch.from_numpy(np.stack(list(decode_video(media))))
    grey_FHW = torch.from_numpy(clip.face_FHW & ~clip.occluder_FHW)
    assert grey_FHW.any()
    vae = load_vae("mini:vae")
    for number, first in enumerate((0, 10, 20)):
        video_1CFHW = as_video(rgb_FHWC[None, first : first + 9])
        masked_1CFHW = torch.where(grey_FHW[None, None, first : first + 9], 0.0, video_1CFHW)
        for found_TCHW, given in zip(windows_N2TCHW[number], (video_1CFHW, masked_1CFHW), strict=True):
            expected_TCHW = encoded(vae, given)[0].transpose(0, 1).numpy()
            np.testing.assert_allclose(found_TCHW, expected_TCHW, rtol=2**-10, atol=1e-4)


def test_one_window_and_its_first_latent_are_ranges_of_bytes(clip):
    row = made_of(clip, 30, window=9, stride=7)
    shape, whole = WindowShape(row.latents, row.channels, row.height, row.width), unpack(row.window_latents)
    for number in range(row.windows):
        start, count = shape.window(number)
        window = unpack_window(row.window_latents[start : start + count], shape)
        np.testing.assert_array_equal(window, whole[number])
        start, count = shape.first_latent(number)
        latent_CHW = unpack_latent(row.window_latents[start : start + count], shape)
        np.testing.assert_array_equal(latent_CHW, whole[number, 0, 0])


def test_a_clip_shorter_than_a_window_stays_and_has_none(clip):
    row = made_of(clip, 20)
    assert isinstance(row, LatentsRow)
    assert (row.windows, row.missing_frames) == (0, 5)
    assert unpack(row.window_latents).shape == (0, 2, 7, 24, 16, 16)
    assert made_of(clip, 26).missing_frames == 0


def test_bytes_that_are_no_latents_or_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="are no latents"):
        unpack(b"nothing")
    packed = pack(np.zeros((1, 2, 1, 2, 3, 4), np.float32))
    with pytest.raises(ValueError, match="damaged"):
        unpack(packed[:-1])
    with pytest.raises(ValueError, match="half precision"):
        pack(np.full((1, 2, 1, 2, 3, 4), 1e6, np.float32))


def test_a_window_must_be_one_that_a_vae_takes():
    with pytest.raises(ValueError, match="takes 4k"):
        LatentsConfig(frames=24)
