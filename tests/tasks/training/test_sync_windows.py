"""SyncNet's batches out of a real catalog: what the whole clip has there, in any process."""

import io

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_convert

from models.sync.net import MINI
from models.sync.syncnet import crops, sound_windows
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.versions.version import member_rows
from tasks.ingest.track_data import TrackData
from tasks.training.sync_windows import SyncWindows
from tests.tasks.training.conftest import Rebuilt

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def windows(rebuilt: Rebuilt) -> SyncWindows:
    """Of the version without hearing: it needs none."""
    return SyncWindows(rebuilt.root, rebuilt.deaf.version.tag, "train", 25, 12, MINI)


def test_a_window_out_of_the_middle_is_what_syncnet_sees_and_hears_of_the_whole_clip_there(
    rebuilt: Rebuilt, windows: SyncWindows
) -> None:
    sample = next(i for i, name in enumerate(windows.ids) if name.endswith("@24"))
    batch = windows.__getitems__([sample, 0])
    assert batch["id"] == [windows.ids[sample], windows.ids[0]]
    assert batch["lips_B3FHW"].shape == (2, 3, 25, 72, 72)
    assert batch["mfcc_BCT"].shape == (2, 13, 100)
    members = member_rows(rebuilt.deaf.catalog, rebuilt.deaf.version.tag).to_pylist()
    (row,) = (row for row in members if row["item_id"] == windows.ids[sample].partition("@")[0])
    table = rebuilt.deaf.catalog.table(next(node for node in rebuilt.deaf.nodes if node.name == "ingest"))
    (blobs,) = table.read([row["ingest_row"]], ["video", "audio", "track_data"])
    with open_media(io.BytesIO(blobs["video"])) as media:
        rgb_FHWC = np.stack(list(decode_video(media)))
    with open_media(io.BytesIO(blobs["audio"])) as media:
        heard_NCT = sound_windows(decode_audio(media).samples)
    lips_F3HW = crops(rgb_FHWC, TrackData.from_bytes(blobs["track_data"]).five_T52, MINI.roomy())
    assert np.array_equal(batch["lips_B3FHW"][0].transpose(0, 1).numpy(), lips_F3HW[24:49])
    pieces_NCT = batch["mfcc_BCT"][0].unfold(1, 20, 4).transpose(0, 1).numpy()
    assert len(pieces_NCT) == 21
    np.testing.assert_allclose(pieces_NCT, heard_NCT[24:45], rtol=1e-5, atol=1e-5)


def test_spawned_workers_give_the_same_batches(windows: SyncWindows) -> None:
    batches = [[0, 3], [5, 1]]
    loader = DataLoader(
        windows, batch_sampler=batches, num_workers=2, collate_fn=default_convert, multiprocessing_context="spawn"
    )  # fmt: skip
    for here, there in zip(map(windows.__getitems__, batches), loader, strict=True):
        assert here["id"] == list(there["id"])
        assert all(torch.equal(here[name], there[name]) for name in ("lips_B3FHW", "mfcc_BCT"))
