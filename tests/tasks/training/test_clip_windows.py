"""Batches out of a real catalog: from pixels and from latents the same, in any process; and what is refused."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_convert

from models.audio.whisper import LAST, Whisper
from models.audio.windows import windows_of_latents
from models.dit.inputs import grey_where_masked
from models.vae.opening import load_vae
from models.vae.pictures import as_video, encoded
from models.vae.shapes import frames_of
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.versions.version import load_version, member_rows
from tasks.masks import unpack
from tasks.training.clip_windows import ClipWindows
from tasks.training.encoded import encode_windows
from tests.tasks.training.conftest import Rebuilt

pytestmark = pytest.mark.usefixtures("one_thread")
HALF = {"rtol": 2**-10, "atol": 1e-4}
"""Latents are kept in half precision, whose steps are 2^-11 of a number."""


@pytest.fixture(scope="module")
def pixels(rebuilt: Rebuilt) -> ClipWindows:
    return ClipWindows(rebuilt.root, rebuilt.hearing.version.tag, "train")


@pytest.fixture(scope="module")
def latents(rebuilt: Rebuilt) -> ClipWindows:
    return ClipWindows(rebuilt.root, rebuilt.latents.version.tag, "train")


@pytest.fixture(scope="module")
def vae() -> Any:
    return load_vae("mini:vae")


def blobs_of(rebuilt: Rebuilt, clip: str, **columns: str) -> list[bytes]:
    """Read one by one, as the page on reading a dataset says."""
    members = member_rows(rebuilt.hearing.catalog, rebuilt.hearing.version.tag).to_pylist()
    (row,) = (row for row in members if row["item_id"] == clip)
    found = []
    for column, stage in columns.items():
        table = rebuilt.hearing.catalog.table(next(n for n in rebuilt.hearing.nodes if n.name == stage))
        found.append(table.read([row[f"{stage}_row"]], [column])[0][column])
    return found


def test_ids_are_unique_and_every_window_of_every_clip_is_there(
    rebuilt: Rebuilt, pixels: ClipWindows
) -> None:
    members = member_rows(rebuilt.hearing.catalog, rebuilt.hearing.version.tag).to_pylist()
    expected = [
        f"{row['item_id']}@{first}"
        for row in members
        if row["speakers_split"] == "train"
        for first in range(0, row["ingest_frames"] - 24, 12)
    ]
    assert list(pixels.ids) == expected
    assert len(set(pixels.ids)) == len(pixels) > 8
    assert pixels.__getitems__([1, 0])["id"] == [pixels.ids[1], pixels.ids[0]]


def test_latents_that_were_kept_are_those_of_the_pixels(
    pixels: ClipWindows, latents: ClipWindows, vae: Any
) -> None:
    assert "without latents" in pixels.not_cached
    assert not latents.not_cached
    some = [0, len(pixels) - 1, 3, 5]
    made, kept = encode_windows(vae, pixels.__getitems__(some)), latents.__getitems__(some)
    assert made.keys() == kept.keys()
    assert made["target_BCFHW"].shape == (4, 24, 7, 16, 16)
    for name in made.keys() - {"id"}:
        assert made[name].dtype == kept[name].dtype == torch.float32
        torch.testing.assert_close(made[name], kept[name], **HALF)
    assert made["id"] == kept["id"]


def test_a_window_out_of_the_middle_is_what_the_whole_clip_has_there(
    rebuilt: Rebuilt, pixels: ClipWindows, latents: ClipWindows, vae: Any
) -> None:
    sample = next(i for i, name in enumerate(pixels.ids) if name.endswith("@24"))
    batch = pixels.__getitems__([sample])
    clip = pixels.ids[sample].partition("@")[0]
    video, face, lips, occluded = blobs_of(
        rebuilt, clip, video="ingest", face_masks="facemask", lip_masks="facemask", occluder_masks="occluders"
    )
    with open_media(io.BytesIO(video)) as media:
        whole_FHWC = np.stack(list(decode_video(media)))
    window = slice(24, 49)
    assert np.array_equal(batch["video_BFHWC"][0].numpy(), whole_FHWC[window])
    face_FHW, lips_FHW, occluded_FHW = (unpack(data)[window] for data in (face, lips, occluded))
    keep_FHW = ~(face_FHW & ~occluded_FHW)
    assert np.array_equal(batch["inpaint_BFHW"][0].numpy(), keep_FHW)
    assert any(np.array_equal(batch["reference_BHWC"][0].numpy(), frame) for frame in whole_FHWC)
    video_1CFHW = as_video(torch.from_numpy(whole_FHWC[window])[None])
    masked_1CFHW = grey_where_masked(video_1CFHW, torch.from_numpy(~keep_FHW)[None])
    kept = latents.__getitems__([sample])
    torch.testing.assert_close(kept["target_BCFHW"], encoded(vae, video_1CFHW), **HALF)
    torch.testing.assert_close(kept["masked_BCFHW"], encoded(vae, masked_1CFHW), **HALF)
    for latent in range(7):  # the masks, as models/vae says which frames a latent is of
        frames = frames_of(latent, 1)
        for name, mask_FHW in (("face_BFHW", face_FHW), ("lips_BFHW", lips_FHW & ~occluded_FHW)):
            share_HW = mask_FHW[frames].reshape(-1, 16, 4, 16, 4).mean((0, 2, 4))
            np.testing.assert_allclose(batch[name][0, latent], share_HW, atol=1e-6)


def test_the_sound_of_a_window_is_what_whisper_hears_there(rebuilt: Rebuilt, pixels: ClipWindows) -> None:
    sample = next(i for i, name in enumerate(pixels.ids) if name.endswith("@24"))
    (audio,) = blobs_of(rebuilt, pixels.ids[sample].partition("@")[0], audio="ingest")
    with open_media(io.BytesIO(audio)) as media:
        heard_PLD = Whisper("mini:whisper", (LAST,)).features(decode_audio(media).samples)
    near_FN = windows_of_latents(24, 7, len(heard_PLD))
    found = pixels.__getitems__([sample])["audio_BFNA"][0].numpy()
    assert found.shape == (7, 16, heard_PLD.shape[2])
    np.testing.assert_allclose(found, heard_PLD[near_FN, 0], rtol=2**-10, atol=1e-4)


def test_the_reference_is_the_first_frame_of_another_window_encoded_alone(
    pixels: ClipWindows, latents: ClipWindows, vae: Any
) -> None:
    samples = list(range(len(pixels)))
    batch, kept = pixels.__getitems__(samples), latents.__getitems__(samples)
    firsts = {name: batch["video_BFHWC"][i, 0] for i, name in enumerate(batch["id"])}
    for i, name in enumerate(batch["id"]):
        clip, _, own = name.partition("@")
        same = [other for other, frame in firsts.items() if torch.equal(frame, batch["reference_BHWC"][i])]
        starts = [int(other.partition("@")[2]) for other in same if other.startswith(clip)]
        far = max(abs(int(n.partition("@")[2]) - int(own)) for n in batch["id"] if n.startswith(clip))
        assert any(abs(start - int(own)) >= min(far, 25) for start in starts), name
    alone_B = encoded(vae, as_video(batch["reference_BHWC"][:, None]))[:, :, 0]
    torch.testing.assert_close(kept["reference_BCHW"], alone_B, **HALF)


@pytest.mark.parametrize("kind", ["pixels", "latents"])
def test_spawned_workers_give_the_same_batches(kind: str, request: pytest.FixtureRequest) -> None:
    windows: ClipWindows = request.getfixturevalue(kind)
    here = [windows.__getitems__([i, i + 1, i + 2]) for i in range(0, 9, 3)]
    for workers in (1, 2):
        loader = DataLoader(
            windows, batch_sampler=[[i, i + 1, i + 2] for i in range(0, 9, 3)], num_workers=workers,
            collate_fn=default_convert, multiprocessing_context="spawn",
        )  # fmt: skip
        for mine, theirs in zip(here, loader, strict=True):
            assert mine.keys() == theirs.keys()
            assert mine["id"] == list(theirs["id"])
            assert all(torch.equal(mine[name], theirs[name]) for name in mine if name != "id")


def test_a_forked_worker_is_told_to_be_spawned(pixels: ClipWindows) -> None:
    loader = DataLoader(
        pixels, 2, num_workers=1, collate_fn=default_convert, multiprocessing_context="fork", timeout=60
    )
    with pytest.raises(StorageError, match="multiprocessing_context='spawn'"):
        next(iter(loader))


def test_other_windows_than_those_kept_are_read_as_pixels(rebuilt: Rebuilt) -> None:
    tag = rebuilt.latents.version.tag
    assert not ClipWindows(rebuilt.root, tag, "train", stride=24).not_cached, "every other window is there"
    other = ClipWindows(rebuilt.root, tag, "train", frames=17)
    assert other.not_cached == "the version's latents are of 25 frames every 12, not of 17 every 12"
    assert other.__getitems__([0])["video_BFHWC"].shape == (1, 17, 64, 64, 3)


def test_a_wider_stride_takes_every_other_stored_window(rebuilt: Rebuilt, latents: ClipWindows) -> None:
    wide = ClipWindows(rebuilt.root, rebuilt.latents.version.tag, "train", stride=24)
    for sample in range(len(wide)):
        same = list(latents.ids).index(wide.ids[sample])
        one, other = wide.__getitems__([sample]), latents.__getitems__([same])
        assert torch.equal(one["target_BCFHW"], other["target_BCFHW"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tag": "v9"}, "has no version 'v9'; it has v1, v2, v3"),
        ({"tag": "v1"}, "was made without hearing, and a training needs it; rebuild with hearing on"),
        ({"split": "everything"}, "has no clip in split 'everything'; it has "),
        ({"frames": 801}, "in split 'train' of v2 of "),
        ({"frames": 24}, "the video VAE takes 4k+1 frames"),
        ({"window": 15}, "a window of 15 features is no 4 frames"),
        ({"vae": "mini:nothing"}, "there is no mini model 'nothing'"),
        ({"catalog": "/nowhere"}, "there is no catalog at /nowhere"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    rebuilt: Rebuilt, given: dict[str, Any], said: str
) -> None:
    asked = {"catalog": rebuilt.root, "tag": "v2", "split": "train"} | given
    with pytest.raises((StorageError, ValueError)) as refused:
        ClipWindows(**asked)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_too_long_a_window_is_told_how_many_clips_there_are_and_how_long(rebuilt: Rebuilt) -> None:
    members = load_version(Catalog(rebuilt.root), "v2")[1].to_table(filter="speakers_split = 'train'")
    longest = max(members["ingest_frames"].to_pylist())
    with pytest.raises(StorageError, match=f"none of the {len(members)} clips .* the longest has {longest};"):
        ClipWindows(rebuilt.root, "v2", "train", frames=801)
