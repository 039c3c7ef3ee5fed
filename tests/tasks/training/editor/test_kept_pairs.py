"""Pairs whose latents are kept, V' and the second light too: training on them is training on their pixels."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flows.recipe_files import load_recipe
from flows.run.graph import stages_of
from models.dubbing.suited import MINI_SAMPLING
from models.vae.opening import load_vae
from models.weights.references import resolve
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.versions.find_person import find_source
from storage.versions.forget import forget
from storage.versions.version import load_version, member_rows
from tasks.training.chance import chance
from tasks.training.checking.encoding import as_encoded
from tasks.training.dit import channel_deviations
from tasks.training.editor.pair_validation import PairValidator
from tasks.training.editor.pair_windows import ClipPairs
from tasks.training.encoded import PIXELS, encode_windows
from tasks.training.job import objective_of
from tests.tasks.training.editor.paired import SETTINGS, SOME_RELIT, Paired
from tests.tasks.training.editor.toys import recipe_of
from tests.toy.inline import Ran, run_inline

pytestmark = pytest.mark.usefixtures("one_thread")
OF_LATENTS = {"pairlatents", "relitlatents"}


@pytest.fixture(scope="module")
def kept(paired: Paired) -> ClipPairs:
    """Twelve windows as they were filmed, and nine relit."""
    return ClipPairs(paired.root, paired.relit_kept.version.tag, "train")


def some_of(windows: ClipPairs) -> list[int]:
    """Of both lights, in no order."""
    return [len(windows) - 1, 0, 13, 7]


# -- the stages in a rebuild ---------------------------------------------------------------------------


def computed(ran: Ran) -> dict[str, int]:
    return {name: count for name, count in ran.computed.items() if count}


def test_keeping_latents_computes_nothing_else_and_moves_nobody(paired: Paired) -> None:
    assert set(computed(paired.plain_kept)) == {"pairlatents"}, "without a second light nothing is to relight"
    pairs = paired.relit_kept.version.manifest["rows"]
    assert computed(paired.relit_kept) == {"relitlatents": pairs}, (
        "another light computes no companion's latents"
    )
    columns = ["item_id", "speakers_split", "companion_row", "relight_row"]
    before, after = (
        member_rows(ran.catalog, ran.version.tag, columns).to_pylist()
        for ran in (paired.relit, paired.relit_kept)
    )
    assert before == after


def test_the_version_says_which_latents_it_carries_and_of_which_weights(paired: Paired) -> None:
    version, members = load_version(paired.relit_kept.catalog, paired.relit_kept.version.tag)
    assert version.manifest["fingerprints"].keys() >= OF_LATENTS
    rows = members.to_table().to_pylist()
    out = {line["stage"]: line["out"] for line in version.manifest["funnel"]}
    assert [out[name] for name in ("pairverdict", "pairlatents", "relitlatents")] == [len(rows)] * 3
    assert {row["pairlatents_windows"] for row in rows} == {3}
    assert [row["relitlatents_windows"] for row in rows] == [3 * row["relight_relit"] for row in rows]
    before = load_version(paired.relit.catalog, paired.relit.version.tag)[0].manifest
    assert not before["fingerprints"].keys() & OF_LATENTS


def test_a_recipe_leaves_them_out_unless_asked_and_where_there_is_nothing_to_encode() -> None:
    assert not load_recipe("world").configs().keys() & OF_LATENTS
    both = [f"{name}=on" for name in OF_LATENTS]
    assert load_recipe("world", both).configs().keys() >= OF_LATENTS
    assert load_recipe("world", [*both, "relight=off"]).configs().keys() & OF_LATENTS == {"pairlatents"}
    assert not load_recipe("world", [*both, "companion=off"]).configs().keys() & OF_LATENTS


def test_forgetting_a_source_takes_its_latents_with_it(paired: Paired, tmp_path: Path) -> None:
    catalog = Catalog(str(shutil.copytree(paired.root, tmp_path / "catalog")))
    tag = paired.relit_kept.version.tag
    uri = open_table(catalog, "sources").to_table(columns=["uri"])["uri"].to_pylist()[0]
    found = find_source(catalog, uri)
    assert all(found.rows[stage] for stage in OF_LATENTS)
    forget(catalog, found)
    left = set(load_version(catalog, tag)[1].to_table(columns=["item_id"])["item_id"].to_pylist())
    for stage in OF_LATENTS:
        items = open_table(catalog, stage).to_table(columns=["item_id"])["item_id"].to_pylist()
        assert not set(items) & found.rows[stage]
        assert left <= set(items)
    windows = ClipPairs(catalog, tag, "train")
    assert not windows.why_videos
    assert len(windows.__getitems__([0])["id"]) == 1


# -- what a training takes -----------------------------------------------------------------------------


def test_no_video_is_decoded_and_the_latents_are_those_of_each_half_in_its_light(kept: ClipPairs) -> None:
    assert not kept.why_videos
    assert not kept.not_cached
    assert not kept.companions_not_cached
    samples = [*reversed(range(len(kept)))]
    batch = kept.__getitems__(samples)
    assert not batch.keys() & set(PIXELS)
    pixels = kept.from_videos().__getitems__(samples)
    assert pixels.keys() & set(PIXELS) == {"video_BFHWC", "companion_BFHWC"}
    fresh = encode_windows(load_vae("mini:vae"), pixels)
    assert batch.keys() == fresh.keys()
    assert batch["id"] == fresh["id"]
    for half in ("target_BCFHW", "companion_BCFHW"):
        torch.testing.assert_close(batch[half], fresh[half], rtol=2**-10, atol=1e-4)
        assert not torch.equal(batch[half][0], batch[half][-1])
    for same in ("audio_BFNA", "face_BFHW", "lips_BFHW"):
        assert torch.equal(batch[same], fresh[same])


@pytest.mark.parametrize("phase", ["structure", "texture"])
def test_a_step_on_kept_latents_is_the_step_on_pixels_to_the_rounding_of_storage(
    kept: ClipPairs, paired: Paired, editor: Path, phase: str
) -> None:
    pairs = ClipPairs(paired.root, paired.relit_kept.version.tag, "train", points=True, mfcc=True)
    objective = objective_of(recipe_of(phase, editor))
    net = objective.build(kept, torch.device("cpu"))
    samples, found = some_of(pairs), []
    for windows in (pairs, pairs.from_videos()):
        net.zero_grad()
        chances = [chance(0, 5, place) for place in range(len(samples))]
        loss = objective.loss(net, windows.__getitems__(samples), chances).value
        loss.backward()
        moved = [one.grad.flatten() for one in net.parameters() if one.grad is not None]
        found.append((loss.item(), torch.cat(moved)))
    (loss, gradient), (of_pixels, its_gradient) = found
    assert 0 < loss == pytest.approx(of_pixels, rel=2e-3)
    apart = (gradient - its_gradient).norm() / its_gradient.norm()
    assert apart < 5e-3, apart


def test_a_validation_sees_the_same_whether_latents_are_kept_or_not(kept: ClipPairs, editor: Path) -> None:
    net = objective_of(recipe_of("structure", editor)).build(kept, torch.device("cpu")).eval()
    settings = replace(MINI_SAMPLING, steps=1)
    of_kept, of_pixels = (
        PairValidator(windows, "mini:vae", 2, settings=settings)(net, 1).metrics
        for windows in (kept, kept.from_videos())
    )
    assert of_kept["psnr_lips_of_the_source"] == of_pixels["psnr_lips_of_the_source"]
    assert of_kept["psnr_full"] == pytest.approx(of_pixels["psnr_full"], abs=0.02)


def test_other_windows_or_another_vae_are_read_as_pixels_and_it_is_said_why(
    paired: Paired, tmp_path: Path
) -> None:
    tag = paired.relit_kept.version.tag
    wide = ClipPairs(paired.root, tag, "train", stride=24)
    assert not wide.why_videos, "every other window is there"
    short = ClipPairs(paired.root, tag, "train", frames=17)
    assert (
        short.companions_not_cached
        == "the version's pairlatents are of 25 frames every 12, not of 17 every 12"
    )
    assert short.__getitems__([0])["companion_BFHWC"].shape == (1, 17, 64, 64, 3)
    other = other_vae(tmp_path / "vae")
    pairs = ClipPairs(paired.root, tag, "train", vae=other)
    assert pairs.companions_not_cached == f"the version's pairlatents are of mini:vae, not of {other}"
    assert pairs.not_cached == f"the version's latents are of mini:vae, not of {other}"
    assert pairs.__getitems__([0]).keys() >= {"video_BFHWC", "companion_BFHWC"}


def other_vae(folder: Path) -> str:
    """The shipped one with one number changed."""
    shutil.copytree(resolve("mini:vae"), folder)
    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1e-3
    save_file(tensors, file, {"format": "pt"})
    return str(folder)


def test_where_the_second_light_was_not_kept_all_are_pixels_but_without_it_none(
    paired: Paired, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(paired.root, tmp_path / "catalog"))
    stages = stages_of(load_recipe("world", [*SETTINGS, SOME_RELIT, "pairlatents=on"]))
    tag = run_inline(Path(paired.root).parent / "videos", root, stages, batch=4).version.tag
    pairs = ClipPairs(str(root), tag, "train")
    assert pairs.not_cached == pairs.companions_not_cached
    assert "second light too, and the version was made without relitlatents" in pairs.not_cached
    assert pairs.kept_by == ("latents", "pairlatents", "relitlatents")
    assert not ClipPairs(str(root), tag, "train", relit=False).why_videos


# -- what is looked at before --------------------------------------------------------------------------


class Swapped(ClipPairs):
    """Gives the second half of one window in place of another's."""

    def __getitems__(self, samples):  # type: ignore[no-untyped-def]
        batch = super().__getitems__(samples)
        if "companion_BCFHW" in batch:
            batch["companion_BCFHW"] = batch["companion_BCFHW"].flip(0)
        return batch


def test_kept_companions_are_compared_before_a_training_starts(kept: ClipPairs, paired: Paired) -> None:
    vae, some = load_vae("mini:vae"), [0, 13]
    (found,) = as_encoded(kept, some, kept.__getitems__(some), vae)
    assert found.level == "ok", found
    wrong = Swapped(paired.root, paired.relit_kept.version.tag, "train")
    (found,) = as_encoded(wrong, some, wrong.__getitems__(some), vae)
    assert found.level == "refuse"
    assert "--set latents=on --set pairlatents=on --set relitlatents=on" in found.what


def test_the_deviations_of_channels_are_taken_without_encoding_a_companion(kept: ClipPairs) -> None:
    vae, asked = load_vae("mini:vae"), []

    def with_latents(batch):  # type: ignore[no-untyped-def]
        asked.append(set(batch))
        return encode_windows(vae, batch)

    of_pixels = channel_deviations(kept.from_videos(), with_latents)
    assert asked
    assert all(one == {"video_BFHWC"} for one in asked), "a few windows at a time"
    torch.testing.assert_close(channel_deviations(kept), of_pixels, rtol=1e-3, atol=1e-4)
