"""What is refused before a training starts, by the function or by the command, each with the rows and the remedy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from infra.profiles import Profile, Training
from models.audio.whisper import LAST, Whisper
from models.dit.net import VideoDit
from models.dit.presets import MINI, stacked
from storage.batches.windows import open_windows
from storage.ledger.catalog import Catalog
from tasks.training.checking import dealing, dry, hearing, pictures, room, samples, version
from tasks.training.checking.finding import Finding
from tasks.training.clip_windows import ClipWindows
from tasks.training.generator import Generator
from tests.tasks.training.conftest import Rebuilt
from tests.tasks.training.toy import ToyWindows, job, recipe

pytestmark = pytest.mark.usefixtures("one_thread")
Check = Callable[..., list[Finding]]


@pytest.fixture
def batch(rebuilt: Rebuilt) -> dict[str, Any]:
    return ClipWindows(rebuilt.root, rebuilt.latents.version.tag, "train").__getitems__([0, 3, 5])


# -- sound --------------------------------------------------------------------------------------------


class LateWhisper(Whisper):
    """Hears everything a frame late."""

    def features(self, sound: np.ndarray) -> np.ndarray:
        return np.roll(super().features(sound), 2, 0)


def test_sound_that_is_heard_a_frame_late_is_refused(rebuilt: Rebuilt, batch: dict[str, Any]) -> None:
    stored = open_windows(Catalog(rebuilt.root), "v3", "train", 25, 12, ("ingest", "hearing"))
    heard = hearing.listened(stored, [stored.places[number] for number in (0, 3, 5)])
    late, right = (kind("mini:whisper", (LAST,)) for kind in (LateWhisper, Whisper))
    assert [one.level for one in hearing.in_step(heard, 7, right)] == ["ok"]
    (found,) = hearing.in_step(heard, 7, late)
    assert found.level == "refuse"
    assert "+1 latent frames off in 3 of 3 clips" in found.what
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
