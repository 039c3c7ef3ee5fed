"""What is refused before a training starts, by the function or by the command, each with the rows and the remedy."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from flows.command.main import main
from flows.errors import TrainingRefused
from flows.foreground.training import check_in_foreground, train_in_foreground
from infra.profiles import Profile, Training
from models.audio.whisper import LAST, Whisper
from models.dit.net import VideoDit
from models.dit.presets import MINI, PRESETS, stacked
from storage.batches.windows import open_windows
from storage.ledger.catalog import Catalog
from storage.trainings.reading import trainings
from storage.versions.garbage import collect, find_garbage
from tasks.training.checking import dealing, dry, hearing, pictures, room, samples, version
from tasks.training.checking.finding import Finding
from tasks.training.clip_windows import ClipWindows
from tasks.training.generator import Generator
from tests.tasks.training.conftest import Rebuilt
from tests.tasks.training.toy import TINY, ToyWindows, job, recipe

pytestmark = pytest.mark.usefixtures("one_thread")
Check = Callable[..., list[Finding]]


@pytest.fixture
def check(rebuilt: Rebuilt, capsys: pytest.CaptureFixture[str]) -> Check:
    """`redub train generator --check --json`, its answer; by default of the version that has latents."""

    def run(*settings: str, on: str = rebuilt.latents.version.tag, **changes: str) -> list[Finding]:
        given = {"catalog": rebuilt.root, "recipe": "mini", "profile": "laptop", **changes}
        fine = check_in_foreground(
            "generator", given["catalog"], on, given["recipe"], settings, given["profile"], True
        )
        found = [Finding(**one) for one in json.loads(capsys.readouterr().out)]
        assert fine == (not refused(found))
        return found

    return run


def refused(found: list[Finding]) -> list[str]:
    return [one.what for one in found if one.level == "refuse"]


def warned(found: list[Finding]) -> list[str]:
    return [one.what for one in found if one.level == "warn"]


@pytest.fixture
def batch(rebuilt: Rebuilt) -> dict[str, Any]:
    return ClipWindows(rebuilt.root, rebuilt.latents.version.tag, "train").__getitems__([0, 3, 5])


# -- what is asked for --------------------------------------------------------------------------------


def test_a_good_version_is_let_through_and_what_was_looked_at_is_said(check: Check) -> None:
    found = check()
    assert {one.level for one in found} == {"ok"}
    said = "\n".join(one.what for one in found)
    for what in (
        "samples a worker", "noise differs", "checkpoints of", "whole and finite", "none of them in another",
        "stored latents are those of their clips", "a click at a frame is heard", "a step with two windows: loss",
        "is read as it was written", "a worker takes about",
    ):  # fmt: skip
        assert what in said


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        ((), {"on": "v9"}, r"has no version 'v9'; it has v1, v2, v3"),
        ((), {"recipe": "minni"}, r"no recipe 'minni' \(did you mean 'mini'\?\)"),
        ((), {"profile": "laptp"}, "no profile 'laptp'"),
        (("split=nothing",), {}, r"has no clip in split 'nothing'; it has train \(\d clips\)"),
        (("frames=321",), {}, "has the 321 frames of a window: the longest has"),
        (("preset=huge",), {}, "no preset 'huge' of the net; there are: mini, 1b"),
        (("vae=",), {}, "names no vae: give --set vae="),
        (("vae=mini:whisper",), {}, "is no config of a Wan VAE"),
        ((), {"on": "world:people=many"}, "'world:people=many' names no people of the world; give world:people=400"),
        ((), {"on": "world:people=0"}, "names no people of the world"),
        (("init=run:gone",), {}, "run:gone: there are no weights in"),
        (("init=mini:vae",), {}, r"init mini:vae fits no block of the net: channel_scale \(missing\)"),
        (("preset=1b",), {}, "latents have 24 channels, and the net takes 16: name the VAE"),
    ],
)  # fmt: skip
def test_what_is_not_there_or_does_not_fit_is_refused_in_a_sentence(
    check: Check, settings: tuple[str, ...], changes: dict[str, str], expected: str
) -> None:
    said = refused(check(*settings, **changes))
    assert any(re.search(expected, one) for one in said), said


def test_the_command_prints_marks_and_ends_with_1(
    rebuilt: Rebuilt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        f"redub train generator -c {rebuilt.root} --on v3 --check --set optimizer.kind=muon --set frames=321"
    )
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "x none of the" in capsys.readouterr().out


def test_a_version_that_gc_removed_is_refused(check: Check, rebuilt: Rebuilt, tmp_path: Path) -> None:
    copied = shutil.copytree(rebuilt.root, tmp_path / "catalog")
    catalog = Catalog(str(copied))
    collect(catalog, find_garbage(catalog, keep_versions=1))
    assert "has no version 'v1'; it has v3" in refused(check(on="v1", catalog=str(copied)))[0]


def test_clips_shorter_than_a_window_are_counted(check: Check) -> None:
    (short,) = [one for one in check("frames=77") if "shorter than the 77 frames" in one.what]
    assert short.level == "warn"
    assert 0 < len(short.ids) < 3


def test_a_version_without_latents_says_how_to_get_them(check: Check, rebuilt: Rebuilt) -> None:
    said = [one for one in check(on=rebuilt.hearing.version.tag) if "latents.frames=25" in one.what]
    assert said
    assert "without latents" in said[0].what


# -- a refused training leaves nothing ----------------------------------------------------------------


def test_a_full_disk_refuses_a_training_which_writes_no_row_and_takes_no_name(
    rebuilt: Rebuilt, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly = shutil.disk_usage("/")._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly)
    with pytest.raises(TrainingRefused, match=r"take 1\d\d MB, and 50 MB are free where they go .*redub gc"):
        train_in_foreground("generator", rebuilt.root, "v3", "mini", [], "laptop", "full", True)
    assert trainings(Catalog(rebuilt.root)) == []
    assert not (Path(rebuilt.root) / "trainings").exists()


# -- damaged rows -------------------------------------------------------------------------------------


def overwritten(root: str, into: Path, stage: str, magic: bytes, header: int, with_: bytes) -> str:
    """A copy of the catalog in which the first stored row of a stage begins with other numbers."""
    copied = Path(shutil.copytree(root, into / "catalog"))
    files = [path for path in (copied / f"{stage}.lance").rglob("*") if path.is_file()]
    file = next(path for path in files if magic in path.read_bytes())
    data = bytearray(file.read_bytes())
    at = data.index(magic) + header
    data[at : at + len(with_)] = with_
    file.write_bytes(data)
    return str(copied)


@pytest.mark.parametrize(
    ("stage", "magic", "header", "key"),
    [("latents", b"RDL1", 24, "target_BCFHW"), ("hearing", b"RDH1", 16, "audio_BFNA")],
)
def test_nan_in_what_is_stored_is_refused_and_the_rows_are_named(
    check: Check, rebuilt: Rebuilt, tmp_path: Path, stage: str, magic: bytes, header: int, key: str
) -> None:
    root = overwritten(rebuilt.root, tmp_path, stage, magic, header, np.full(8, np.nan, "<f2").tobytes())
    (found,) = [one for one in check(catalog=root) if one.level == "refuse" and key in one.what]
    assert f"NaN or infinity in {key} ({found.ids[0]}" in found.what
    assert f"{stage}.lance" in found.what
    assert found.ids[0].endswith("@0")


def test_latents_of_something_else_are_refused_and_named(
    check: Check, rebuilt: Rebuilt, tmp_path: Path
) -> None:
    other = np.random.default_rng(0).normal(size=24 * 16 * 16).astype("<f2").tobytes()
    root = overwritten(rebuilt.root, tmp_path, "latents", b"RDL1", 24, other)
    (found,) = [one for one in check(catalog=root) if one.level == "refuse"]
    assert "stored latents are not those of their clips in 1 of 3 windows" in found.what
    assert "rebuild the latents stage" in found.what
    assert len(found.ids) == 1


# -- sound --------------------------------------------------------------------------------------------


class LateWhisper(Whisper):
    """Hears everything a sixth of a second late."""

    def features(self, sound: np.ndarray) -> np.ndarray:
        return np.roll(super().features(sound), 8, 0)


def test_sound_that_is_heard_late_is_refused(rebuilt: Rebuilt, batch: dict[str, Any]) -> None:
    stored = open_windows(Catalog(rebuilt.root), "v3", "train", 25, 12, ("ingest", "hearing"))
    heard = hearing.listened(stored, [0, 3, 5])
    late, right = (kind("mini:whisper", (LAST,)) for kind in (LateWhisper, Whisper))
    assert [one.level for one in hearing.in_step(heard, 7, right)] == ["ok"]
    (found,) = hearing.in_step(heard, 7, late)
    assert found.level == "refuse"
    assert "+2 latent frames off in 3 of 3 clips" in found.what
    assert [one.level for one in hearing.as_heard(heard, batch["audio_BFNA"], right)] == ["ok"]
    (found,) = hearing.as_heard(heard, batch["audio_BFNA"].roll(1, 0), right)
    assert (found.level, found.ids) == ("refuse", batch["id"])
    short = [replace(one, sound=one.sound[:-8000]) for one in heard[:1]]
    assert "differ in length by up to 0.50 s" in next(iter(hearing.as_long(short))).what


# -- people, licences, consent ------------------------------------------------------------------------


def rows(**columns: list[Any]) -> version.Members:
    return version.Members(
        pa.table({"item_id": ["a", "b", "c"], **columns}),
        {name: name for name in columns if name != "item_id"},
    )


def test_a_speaker_in_two_splits_is_refused_by_name() -> None:
    members = rows(split=["train", "train", "val"], speaker=["ann", "bob", "bob"])
    (found,) = version.speakers(members, "train")
    assert (found.level, found.ids) == ("refuse", ["c"])
    assert "1 speakers are in split 'train' and in another one (bob)" in found.what
    (found,) = version.speakers(rows(split=["train", "train", "val"], speaker=["ann", "bob", "eve"]), "train")
    assert found.level == "ok"


def test_licences_and_consent_that_are_unclear_are_named() -> None:
    members = rows(licence=["CC0-1.0", "CC-BY-NC-4.0", "CC0-1.0"], consent=["contract", "Unknown", ""])
    licence, consent = version.rights(members.rows, members.facts)
    assert (licence.level, licence.ids) == ("warn", ["b"])
    assert "'CC-BY-NC-4.0'" in licence.what
    assert (consent.level, sorted(consent.ids)) == ("warn", ["b", "c"])


def test_networks_that_forbid_commercial_use_or_do_not_say_are_named() -> None:
    licences = {
        "a": {"licence": "MIT", "commercial": True}, "b": {"licence": "NC", "commercial": False},
        "c": {"licence": "unknown", "commercial": None},
    }  # fmt: skip
    found = list(version.models(licences))
    assert [one.level for one in found] == ["warn", "warn"]
    assert "b is under 'NC', which forbids" in found[0].what
    assert "c is under 'unknown', which is not known to allow" in found[1].what


# -- windows ------------------------------------------------------------------------------------------


def test_samples_are_spread_over_the_data_and_the_same_each_time() -> None:
    drawn = samples.spread_over(1200, 12, seed=1)
    assert [one // 100 for one in drawn] == list(range(12))
    assert drawn == samples.spread_over(1200, 12, seed=1) != samples.spread_over(1200, 12, seed=2)
    assert samples.spread_over(5, 12, seed=0) == [0, 1, 2, 3, 4]


def test_ids_that_come_twice_are_named() -> None:
    (found,) = samples.names(["a", "b", "a"], "windows")
    assert (found.level, found.ids) == ("refuse", ["a"])


def test_masks_that_are_empty_or_everything_and_faces_at_the_edge_are_named(batch: dict[str, Any]) -> None:
    assert [one.level for one in (*pictures.masks(batch), *pictures.places(batch))] == ["ok", "ok"]
    face = batch["face_BFHW"].clone()
    face[1] = 0
    (found,) = pictures.masks(batch | {"face_BFHW": face})
    assert (found.level, found.ids) == ("warn", [batch["id"][1]])
    (found,) = pictures.masks(batch | {"face_BFHW": torch.ones_like(face)})
    assert found.level == "refuse"
    assert "the mask of the face is the whole picture in all 3 windows" in found.what
    (found,) = pictures.places(batch | {"lips_BFHW": batch["lips_BFHW"].roll(5, 2)})
    assert "the lips is cut off" in found.what or "cut off by the picture's edge" in found.what


def test_latents_and_sound_without_anything_in_them_are_refused(batch: dict[str, Any]) -> None:
    flat = batch["target_BCFHW"].clone()
    flat[:, 7] = 1.0
    (found,) = pictures.latents(batch | {"target_BCFHW": flat})
    assert "channels 7 of the latents deviate" in found.what
    audio = batch["audio_BFNA"].clone()
    audio[2] = 0
    (found,) = pictures.sound(batch | {"audio_BFNA": audio})
    assert (found.level, found.ids) == ("refuse", [batch["id"][2]])


# -- where it runs ------------------------------------------------------------------------------------


def profile(**settings: Any) -> Profile:
    return Profile(name="mine", training=Training(**settings), gpu_memory_gb=24)


def test_a_batch_that_cannot_be_dealt_evenly_is_refused_with_one_that_can() -> None:
    (found,) = dealing.dealt(8, profile(workers=3))
    assert found.level == "refuse"
    assert "can't be dealt evenly to 3 workers: set batch=9" in found.what
    (found,) = dealing.dealt(8, profile(workers=2, micro=3))
    assert "2 workers that take 3 at a time: set batch=6" in found.what
    (found,) = dealing.dealt(8, profile(workers=(2, 4)))
    assert (found.level, "to 3 workers, which is what may be left" in found.what) == ("warn", True)
    assert next(dealing.dealt(8, profile(workers=2, micro=2))).level == "ok"


def test_muon_is_refused_where_matrices_are_sharded_with_both_remedies() -> None:
    (found,) = dealing.sharded(recipe().optimizer, profile(workers=2, zero=1))
    assert found.level == "refuse"
    assert "optimizer.kind=adamw, or take a profile with zero = 0" in found.what


def test_activations_are_counted_as_they_are() -> None:
    config = replace(stacked(MINI), preconditioned=False)
    counted = room.activation_bytes(config, (7, 16, 16), torch.float32, recompute=False)
    net, kept = VideoDit(config), dict[int, torch.Tensor]()
    own = {one.untyped_storage()._cdata for one in net.parameters()}

    def keep(one: torch.Tensor) -> torch.Tensor:
        kept[one.untyped_storage()._cdata] = one
        return one

    sequence = room.example(config, (7, 16, 16), torch.float32, "cpu")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        made = net(sequence)
    real = sum(one.untyped_storage().nbytes() for key, one in kept.items() if key not in own)
    assert made.shape == (1, 24, 7, 16, 16)
    assert counted == pytest.approx(real, rel=0.25)
    assert room.activation_bytes(config, (7, 16, 16), torch.float32, recompute=True) < counted / 2


def test_a_net_that_no_gpu_of_the_profile_holds_is_refused() -> None:
    one = profile(workers=1, gpus=1, dtype="bf16")
    state = room.state_bytes(1_000_000_000, one, averaged=True)
    assert state == 18_000_000_000
    (found,) = room.memory(room.Taken(state, 5_000_000_000), one)
    assert found.level == "refuse"
    assert "about 23.0 GB (5.0 GB of them activations), and a GPU of profile 'mine' has 22.1 GB" in found.what
    spread = profile(workers=8, gpus=1, dtype="bf16", zero=2)
    assert room.state_bytes(1_000_000_000, spread, averaged=True) == 4_000_000_000
    assert next(room.memory(room.Taken(4_000_000_000, 5_000_000_000), spread)).level == "ok"


# -- init, and a dry step -----------------------------------------------------------------------------


def saved(path: Path, net: VideoDit) -> str:
    save_file(net.state_dict(), path)
    return str(path)


def test_weights_of_another_preset_are_refused_with_the_first_tensors_that_differ(
    check: Check, tmp_path: Path
) -> None:
    assert PRESETS["tiny"] == TINY
    tiny = saved(tmp_path / "tiny.safetensors", VideoDit(stacked(TINY)))
    (said,) = refused(check(f"init={tiny}"))
    assert "fits no block of the net: channel_scale [4] for [24], patch_embedding.weight [32, 8," in said
    assert "nearest to tiny (stacked=2)" in said


def test_weights_of_which_a_part_fits_start_that_part_and_those_that_fit_are_let_through(
    check: Check, tmp_path: Path
) -> None:
    net = VideoDit(stacked(MINI))
    assert not warned(check(f"init={saved(tmp_path / 'whole.safetensors', net)}"))
    other = VideoDit(replace(stacked(MINI), layers=2))
    (said,) = warned(check(f"init={saved(tmp_path / 'half.safetensors', other)}"))
    assert "start anew: blocks.2.modulation (missing)" in said
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:5000])
    assert any("cut.safetensors" in one for one in refused(check(f"init={cut}")))


def test_a_dry_step_refuses_a_net_whose_loss_is_not_finite(tmp_path: Path) -> None:
    toy = job(tmp_path)
    objective = Generator(recipe())
    net = objective.build(toy.windows, torch.device("cpu"))
    pair = ToyWindows().__getitems__([0, 1])
    assert [one.level for one in dry.step(toy.recipe, objective, net, pair, toy.sharding)] == ["ok", "ok"]
    with torch.no_grad():
        next(net.parameters()).fill_(torch.nan)
    found = next(dry.step(toy.recipe, objective, net, pair, toy.sharding))
    assert found.level == "refuse"
    assert "a loss of nan" in found.what
