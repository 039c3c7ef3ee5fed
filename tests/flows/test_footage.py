"""Footage that the models know nothing of: refused before anything is computed, or marked where it was wanted anyway."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from flows.demo.corpus import SHORT, make_corpus
from flows.errors import FootageRefused
from flows.recipe_files import load_recipe
from flows.recipe_weights import of_the_world
from flows.recipes import STAGES, Stages
from flows.run.driver import Rebuild
from flows.run.footage import ENOUGH, check_not_the_world, unsuited
from flows.run.request import Request
from infra.profiles import load_profile
from models.weights.about import about, knows_only_the_world
from models.weights.digests import digest
from models.weights.references import mini_models, resolve
from storage.ledger.catalog import Catalog
from storage.media.encode import encode_video
from storage.media.renderer import WORLD
from storage.sources import list_sources
from storage.store import Store
from storage.versions.find_person import find_source
from storage.versions.forget import forget
from storage.versions.version import Version, load_version
from tasks.probe import ProbeConfig
from tasks.stage import Expand, Expanded, Stage, StageConfig
from tests.media_files import DATA, needs_data
from tests.toy.inline import run_jobs

FOREIGN = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08moov"
"""As little of a film as shows that it is one and names no renderer."""
CLIPS = ("companion=off", "hearing=off")
REASON = "to see it run"


class Clips(Expand):
    """A stage with weights, that makes two clips of each film."""

    name = "clips"
    facts = ("split", "speaker")

    class Config(StageConfig):
        model: str = "mini:face"

    @dataclass(frozen=True)
    class Input:
        id: str
        uri: str

    @dataclass(frozen=True)
    class Output:
        id: str
        uri: str
        split: str
        speaker: str

    def weights(self) -> dict[str, str]:
        return {self.config.model: digest(self.config.model)}

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [Expanded(row.id, tuple(self._clip(row, number) for number in range(2))) for row in rows]

    def _clip(self, row: Any, number: int) -> Any:
        return self.Output(f"{row.id}-{number}", row.uri, "train", row.uri)


class Short(Stages):
    clips: Clips.Config = Clips.Config()


def stages(model: str) -> Mapping[str, Stage]:
    return {"clips": Clips(Clips.Config(model=model))}


def films(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(count):
        (folder / f"{i:03d}.mp4").write_bytes(FOREIGN + bytes([i]))
    return folder


def found(folder: Path, model: str = "mini:face", every: bool = False) -> Any:
    listing = list_sources(str(folder), Store(), "CC0", "signed")
    return unsuited(stages(model), listing, Store(), every)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two films of the world, what is no film, and one of which nobody knows where it is from."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, (name, renderer) in enumerate({"a": WORLD, "b": WORLD, "filmed": ""}.items()):
        grey = [np.full((32, 32, 3), 120 + number, np.uint8)] * 3
        (folder / f"{name}.mp4").write_bytes(encode_video(None, grey, 25, renderer=renderer))
    (folder / "empty.mp4").touch()
    return folder


# -- who knows what ---------------------------------------------------------------------------------------


def test_every_shipped_model_says_that_it_knows_the_world_alone() -> None:
    for name, path in mini_models().items():
        assert knows_only_the_world(about(path)), name


def test_weights_are_asked_and_not_their_names(tmp_path: Path) -> None:
    """A copy still says it; other weights say nothing, and then nobody knows."""
    copy, silent = tmp_path / "copy.safetensors", tmp_path / "mini.safetensors"
    shutil.copy(resolve("mini:head"), copy)
    save_file(load_file(copy), silent)
    assert of_the_world([str(copy), str(silent), "arcface", "own:nowhere"]) == [str(copy)]
    assert found(films(tmp_path / "films", 1), str(silent)) is None
    assert found(films(tmp_path / "films", 1), str(copy)).models == (str(copy),)


# -- whose footage it is ----------------------------------------------------------------------------------


def test_all_that_the_demo_makes_is_the_world_s_the_spoilt_ones_too(tmp_path: Path) -> None:
    assert found(make_corpus(tmp_path / "videos", people=1, takes=1, **SHORT), every=True) is None


def test_of_very_many_not_all_are_looked_at(tmp_path: Path) -> None:
    folder = films(tmp_path / "films", ENOUGH + 20)
    assert (len(found(folder).sources), found(folder).whole) == (ENOUGH, False)
    assert (len(found(folder, every=True).sources), found(folder, every=True).whole) == (ENOUGH + 20, True)


def test_object_stores_are_asked_the_same() -> None:
    files = fsspec.filesystem("memory")
    grey = [np.full((32, 32, 3), 120, np.uint8)] * 3
    files.pipe(
        {"/footage/made.mp4": encode_video(None, grey, 25, renderer=WORLD), "/footage/filmed.mp4": FOREIGN}
    )
    listing = list_sources("memory://footage", Store(), "CC0", "signed")
    (source,) = unsuited(stages("mini:face"), listing, Store()).sources  # type: ignore[union-attr]
    assert source.uri.endswith("filmed.mp4")


def test_a_source_that_is_gone_is_the_probe_s_to_tell(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("uri,size,mtime_ns,licence,consent\n/nowhere/a.mp4,5,5,CC0,signed\n")
    assert found(tmp_path / "all.csv") is None


# -- a rebuild --------------------------------------------------------------------------------------------


def rebuild(folder: Path, catalog: Path, anyway: str = "", recipe: Stages | None = None) -> Rebuild:
    recipe = recipe or load_recipe("world", CLIPS)
    return Rebuild(
        Request(
            str(folder), str(catalog), recipe, "world", load_profile("laptop"), "CC0", "signed", anyway=anyway
        )
    )


def test_a_mix_is_refused_before_anything_is_written_and_the_remedies_are_named(
    mixed: Path, tmp_path: Path
) -> None:
    with rebuild(mixed, tmp_path / "catalog") as run, pytest.raises(FootageRefused) as refused:
        run.prepare()
    said = str(refused.value)
    assert (
        "recipe world looks at faces with models that know only redub's procedural world (mini:face, " in said
    )
    assert f"and 1 of 4 sources are other footage ({mixed / 'filmed.mp4'})" in said
    assert re.search(r"use --recipe [a-z or]*full.*or say with --anyway REASON", said)
    assert not list((tmp_path / "catalog").glob("*.lance"))
    with rebuild(mixed, tmp_path / "catalog", anyway="  ") as run, pytest.raises(FootageRefused):
        run.prepare()


def test_people_of_the_world_are_refused_to_models_that_never_saw_them(mixed: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.safetensors"
    save_file(load_file(resolve("mini:head")), silent)
    real = stages(str(silent))
    check_not_the_world(real, list_sources(str(mixed), Store(), "CC0", "signed"), Store())
    (mixed / "filmed.mp4").unlink()
    listing = list_sources(str(mixed), Store(), "CC0", "signed")
    with pytest.raises(FootageRefused, match=r"a\.mp4 and its like.*procedural world.*--recipe world"):
        check_not_the_world(real, listing, Store())
    check_not_the_world(stages("mini:face"), listing, Store())


@needs_data
def test_the_recipe_of_the_world_refuses_real_clips(tmp_path: Path) -> None:
    with (
        rebuild(DATA / "clips", tmp_path / "catalog") as run,
        pytest.raises(FootageRefused, match="10 of 10"),
    ):
        run.prepare()


def test_a_plan_says_it_and_plans(mixed: Path, tmp_path: Path, run_command: Callable[..., str]) -> None:
    command = (
        "plan",
        "-r",
        "world",
        "-s",
        mixed,
        "-c",
        tmp_path / "c",
        "--licence",
        "CC0",
        "--consent",
        "signed",
    )
    said = " ".join(run_command(*command).split())
    assert "4 sources, 4 of them new" in said
    assert "`redub rebuild` would refuse this: recipe world looks at faces" in said
    (mixed / "filmed.mp4").unlink()
    assert "refuse this" not in run_command(*command)


class OnlyProbe(Stages):
    required = ()

    probe: ProbeConfig = ProbeConfig()


def test_a_recipe_without_models_takes_any_footage(mixed: Path, tmp_path: Path) -> None:
    with rebuild(mixed, tmp_path / "c", recipe=OnlyProbe()) as run:
        assert run.prepare().sources == 4


@pytest.fixture
def built(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Version]:
    """Rebuilds it in this process, for a reason."""
    monkeypatch.setitem(STAGES, "clips", Clips)

    def build(reason: str) -> Version:
        with rebuild(mixed, tmp_path / "catalog", reason, Short()) as run:
            run_jobs(run.catalog, run.stages, run.nodes, run.prepare().chosen, run.run_id)
        with rebuild(mixed, tmp_path / "catalog", reason, Short()) as run:
            assert run.prepare().nothing_to_do
            return run.publish()

    return build


def test_what_was_wanted_anyway_is_marked_and_said_wherever_it_is_looked_at(
    built: Callable[[str], Version], tmp_path: Path, run_command: Callable[..., str]
) -> None:
    version = built(REASON)
    assert version.manifest["anyway"] == {"reason": REASON, "rows": 2, "models": ["mini:face"]}
    catalog = Catalog(str(tmp_path / "catalog"))
    rows = load_version(catalog, version.tag)[1].to_table().to_pylist()
    marks = {(Path(row["clips_uri"]).name, row["anyway"]) for row in rows}
    assert marks == {("filmed.mp4", True), ("a.mp4", False), ("b.mp4", False), ("empty.mp4", False)}
    for command in (("status",), ("trace", "filmed.mp4")):
        said = " ".join(run_command(*command, "-c", catalog.root).split())
        assert f"anyway: {REASON}" in said, command
    status = " ".join(run_command("status", "-c", catalog.root).split())
    assert "v1: 2 of 8 rows are of footage that their models know nothing of" in status
    assert (built("another reason").tag, built("another reason").new) == ("v1", False)


def test_forgetting_counts_the_marked_rows_anew(
    built: Callable[[str], Version], mixed: Path, tmp_path: Path
) -> None:
    built(REASON)
    catalog = Catalog(str(tmp_path / "catalog"))
    forget(catalog, find_source(catalog, str(mixed / "filmed.mp4")))
    assert load_version(catalog, "v1")[0].manifest["anyway"]["rows"] == 0
