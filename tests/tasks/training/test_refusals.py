"""What `redub train --check` and a training refuse: settings, versions, damaged rows, weights; nothing is left behind."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from flows.command.main import main
from flows.errors import TrainingRefused
from flows.foreground.training import check_in_foreground, train_in_foreground
from models.dit.net import VideoDit
from models.dit.presets import MINI, PRESETS, stacked
from storage.ledger.catalog import Catalog
from storage.trainings.reading import trainings
from storage.versions.garbage import collect, find_garbage
from tasks.training.checking.finding import Finding
from tests.tasks.training.conftest import Rebuilt
from tests.tasks.training.toy import TINY

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.chaos]
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
        (("vae=''",), {}, "names no vae: give --set vae="),
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


def test_what_fits_no_memory_is_refused_before_a_step_of_it_fills_the_machine(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.training.checking.room.memory_here", lambda: 1_000_000)
    found = check()
    assert [one for one in refused(found) if "and this machine has 1 MB for it" in one]
    assert not [one.what for one in found if "a step with two windows" in one.what]


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
    said = [one for one in check(on=rebuilt.hearing.version.tag) if "latents=on" in one.what]
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
    """A copy of the catalog in which every stored row of a stage begins with other numbers."""
    copied = Path(shutil.copytree(root, into / "catalog"))
    for file in (path for path in (copied / f"{stage}.lance").rglob("*") if path.is_file()):
        data = bytearray(file.read_bytes())
        for found in list(re.finditer(magic, data)):
            data[found.start() + header : found.start() + header + len(with_)] = with_
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
    assert {one.partition("@")[2] for one in found.ids} == {"0"}


WINDOWS = 4
"""Every clip has at least so many."""


def test_latents_of_something_else_are_refused_and_named(
    check: Check, rebuilt: Rebuilt, tmp_path: Path
) -> None:
    other = np.random.default_rng(0).normal(size=WINDOWS * 2 * 7 * 24 * 16 * 16).astype("<f2").tobytes()
    root = overwritten(rebuilt.root, tmp_path, "latents", b"RDL1", 24, other)
    (found,) = [one for one in check(catalog=root) if one.level == "refuse"]
    assert re.search("stored latents are not those of their clips in [123] of 3 windows", found.what)
    assert "rebuild latents (`redub rebuild --set latents=on`)" in found.what
    assert all(one in found.what for one in found.ids)


# -- init ----------------------------------------------------------------------------------------------


def saved(path: Path, net: VideoDit) -> str:
    save_file(net.state_dict(), path, {"licence": "Apache-2.0"})
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
