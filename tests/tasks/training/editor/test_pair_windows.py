"""Windows of pairs out of a real catalog: each half is what is published, in either light, and none is mixed up."""

import io
import pickle
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_convert

from models.faces.face import face_centre
from models.light.change import LightChange, relit
from models.sync.syncnet import heard_between
from models.vae.opening import load_vae
from models.vae.pictures import as_video, encoded
from storage.batches.windows import FPS
from storage.errors import StorageError
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.versions.version import member_rows
from tasks.ingest.track_data import TrackData
from tasks.training.clip_windows import ClipWindows
from tasks.training.editor.pair_windows import LIT, ClipPairs
from tasks.training.encoded import encode_windows
from tests.tasks.training.editor.paired import Paired
from tests.toy.inline import Ran

pytestmark = pytest.mark.usefixtures("one_thread")
EACH = 3
"""Windows of a clip of fifty frames."""


@pytest.fixture(scope="module")
def pairs(paired: Paired) -> ClipPairs:
    return ClipPairs(paired.root, paired.relit.version.tag, "train", points=True, mfcc=True)


def rows_of(ran: Ran) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for row in member_rows(ran.catalog, ran.version.tag).to_pylist()}


def blob(ran: Ran, clip: str, stage: str, column: str) -> bytes:
    """Read one by one, as the page on reading pairs says."""
    table = ran.catalog.table(next(node for node in ran.nodes if node.name == stage))
    return table.read([rows_of(ran)[clip][f"{stage}_row"]], [column])[0][column]


def frames_of(video: bytes) -> np.ndarray:
    with open_media(io.BytesIO(video)) as media:
        return np.stack(list(decode_video(media)))


def place_of(name: str) -> tuple[str, slice, bool]:
    clip, _, first = name.removesuffix(LIT).partition("@")
    return clip, slice(int(first), int(first) + 25), name.endswith(LIT)


def test_every_window_of_every_pair_is_there_and_those_of_relit_ones_come_again_in_that_light(
    paired: Paired, pairs: ClipPairs
) -> None:
    rows = rows_of(paired.relit)
    assert sorted(row["companion_origin"] for row in rows.values()) == ["generated"] * 2 + ["rendered"] * 2
    assert sum(row["relight_relit"] for row in rows.values()) == EACH
    plain = [f"{clip}@{first}" for clip in rows for first in (0, 12, 24)]
    relit = [f"{one}{LIT}" for one in plain if rows[one.partition("@")[0]]["relight_relit"]]
    assert list(pairs.ids) == plain + relit
    assert len(pairs) == len(plain) + len(relit) == 4 * EACH + 3 * EACH
    assert list(ClipPairs(paired.root, paired.relit.version.tag, "train", relit=False).ids) == plain
    with pytest.raises(IndexError):
        pairs.place(len(pairs))


def test_each_half_of_each_window_is_what_is_published_there(paired: Paired, pairs: ClipPairs) -> None:
    mixed = list(np.random.default_rng(0).permutation(len(pairs)))
    batch = pairs.__getitems__([int(one) for one in mixed])
    assert batch["id"] == [pairs.ids[int(one)] for one in mixed]
    for n, name in enumerate(batch["id"]):
        clip, window, lit = place_of(name)
        own, other = ("relit_video", "relit_companion_video") if lit else ("video", "companion_video")
        stages = ("relight", "relight") if lit else ("ingest", "companion")
        for key, stage, column in zip(("video_BFHWC", "companion_BFHWC"), stages, (own, other), strict=True):
            whole_FHWC = frames_of(blob(paired.relit, clip, stage, column))
            assert np.array_equal(batch[key][n].numpy(), whole_FHWC[window]), (name, key)
        assert not torch.equal(batch["video_BFHWC"][n], batch["companion_BFHWC"][n])


def test_both_halves_of_a_relit_pair_are_in_the_light_that_the_versions_row_says(
    paired: Paired, pairs: ClipPairs
) -> None:
    rows, ids = rows_of(paired.relit), list(pairs.ids)
    for lit, name in ((n, one) for n, one in enumerate(ids) if one.endswith(LIT)):
        clip, window, _ = place_of(name)
        change = LightChange(**{one.name: rows[clip][f"relight_{one.name}"] for one in fields(LightChange)})
        batch = pairs.__getitems__([ids.index(name.removesuffix(LIT)), lit])
        for half in ("video_BFHWC", "companion_BFHWC"):
            plain, given = batch[half].numpy()
            said = np.stack([relit(change, rgb, (window.start + f) / FPS) for f, rgb in enumerate(plain)])
            assert apart(given, said) < 3.5, (name, half)  # both were encoded
            assert apart(given, said) < 0.7 * apart(given, plain), (name, half)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_points_and_sound_are_those_of_the_clip_in_the_window(paired: Paired, pairs: ClipPairs) -> None:
    samples = [1, 5, len(pairs) - 2, 9]
    batch = pairs.__getitems__(samples)
    assert batch["five_BF52"].dtype == batch["mfcc_BCT"].dtype == torch.float32
    for n, name in enumerate(batch["id"]):
        clip, window, _ = place_of(name)
        track = TrackData.from_bytes(blob(paired.relit, clip, "ingest", "track_data"))
        assert np.array_equal(batch["five_BF52"][n].numpy(), track.five_T52[window])
        with open_media(io.BytesIO(blob(paired.relit, clip, "ingest", "audio"))) as media:
            sound = decode_audio(media).samples
        assert np.array_equal(batch["mfcc_BCT"][n].numpy(), heard_between(sound, window.start, 25))
        y, x = (batch["face_BFHW"][n, 3] > 0.5).nonzero().float().mean(0).tolist()
        centre = face_centre(batch["five_BF52"][n, 12].numpy()) / 4
        assert np.hypot(*(centre - (x, y))) < 4, "the points lie where the mask of the face does, in latents"


def test_masks_and_features_are_those_that_the_generator_gets_of_the_same_clips(
    paired: Paired, pairs: ClipPairs
) -> None:
    clips = ClipWindows(paired.root, paired.clips.version.tag, "train")
    samples = [4, 0, len(pairs) - 1]
    batch = pairs.__getitems__(samples)
    same = [list(clips.ids).index(name.removesuffix(LIT)) for name in batch["id"]]
    theirs = clips.__getitems__(same)
    for key in ("audio_BFNA", "face_BFHW", "lips_BFHW"):
        assert torch.equal(batch[key], theirs[key]), key


def test_what_was_not_asked_for_is_not_given(paired: Paired) -> None:
    batch = ClipPairs(paired.root, paired.relit.version.tag, "train").__getitems__([0])
    assert set(batch) == {
        "id", "video_BFHWC", "companion_BFHWC", "audio_BFNA", "face_BFHW", "lips_BFHW",
    }  # fmt: skip


def test_kept_latents_are_taken_for_clips_where_no_pair_has_a_second_light(
    paired: Paired, pairs: ClipPairs
) -> None:
    assert "second light" in pairs.not_cached
    kept = ClipPairs(paired.root, paired.plain.version.tag, "train")
    assert not kept.not_cached
    vae, some = load_vae("mini:vae"), [0, 7, 11]
    batch = kept.__getitems__(some)
    assert "video_BFHWC" not in batch
    made, fresh = encode_windows(vae, batch), encode_windows(vae, kept.from_videos().__getitems__(some))
    assert made.keys() == fresh.keys() >= {"target_BCFHW", "companion_BCFHW"}
    torch.testing.assert_close(made["target_BCFHW"], fresh["target_BCFHW"], rtol=2**-10, atol=1e-4)
    assert torch.equal(made["companion_BCFHW"], fresh["companion_BCFHW"])
    alone = encoded(vae, as_video(torch.from_numpy(kept.companions([7]))))[0]
    torch.testing.assert_close(made["companion_BCFHW"][1], alone, rtol=1e-4, atol=1e-4)


def test_what_a_person_sees_of_a_window_is_what_a_training_does(pairs: ClipPairs) -> None:
    samples = [2, len(pairs) - 1]
    batch, seen = pairs.__getitems__(samples), pairs.seen(samples)
    for n, one in enumerate(seen):
        assert one.id == batch["id"][n]
        assert one.clip == place_of(one.id)[0]
        assert np.array_equal(one.rgb_FHWC, batch["video_BFHWC"][n].numpy())
        assert np.array_equal(one.companion_FHWC, batch["companion_BFHWC"][n].numpy())
        assert np.array_equal(one.five_F52, batch["five_BF52"][n].numpy())
        assert len(one.sound) == 16000


def test_it_pickles_small_and_spawned_workers_give_the_same(pairs: ClipPairs) -> None:
    pairs.__getitems__([0])
    assert len(pickle.dumps(pairs)) < 100_000
    batches = [[0, len(pairs) - 1], [5, 6]]
    loader = DataLoader(
        pairs, batch_sampler=batches, num_workers=1, collate_fn=default_convert, multiprocessing_context="spawn"
    )  # fmt: skip
    for samples, theirs in zip(batches, loader, strict=True):
        mine = pairs.__getitems__(samples)
        assert mine["id"] == list(theirs["id"])
        assert all(torch.equal(mine[name], theirs[name]) for name in mine if name != "id")


def test_a_version_without_pairs_is_refused_with_the_remedy(paired: Paired) -> None:
    with pytest.raises(
        StorageError, match=r"made without companion, .* rebuild --set companion=on"
    ) as refused:
        ClipPairs(paired.root, paired.clips.version.tag, "train")
    assert "\n" not in str(refused.value)
