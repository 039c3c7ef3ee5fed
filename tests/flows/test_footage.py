"""Footage that the models know nothing of: refused before anything is computed, or marked where it was wanted anyway."""

import re
import shutil
from collections.abc import Callable, Mapping
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
from flows.recipes import Stages
from flows.run.driver import Rebuild
from flows.run.footage import ENOUGH, unsuited
from flows.run.request import Request
from infra.profiles import load_profile
from models.weights.about import about, knows_only_the_world
from models.weights.references import mini_models, resolve
from storage.ledger.catalog import Catalog
from storage.media.encode import encode_video
from storage.media.renderer import WORLD
from storage.sources import list_sources
from storage.store import Store
from storage.versions.version import load_version
from tasks.probe import ProbeConfig
from tasks.stage import Annotate, Stage, StageConfig
from tests.media_files import DATA, needs_data

FOREIGN = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08moov"
"""As little of a film as shows that it is one and names no renderer."""
CLIPS = ("companion=off", "hearing=off")
REASON = "to see it run"


class Model(Annotate):
    """A stage with weights."""

    name = "model"

    class Config(StageConfig):
        model: str = "mini:face"

    def weights(self) -> dict[str, str]:
        return {self.config.model: "digest"}


def stages(model: str) -> Mapping[str, Stage]:
    return {"model": Model(Model.Config(model=model))}


def films(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(count):
        (folder / f"{i:03d}.mp4").write_bytes(FOREIGN + bytes([i]))
    return folder


def found(folder: Path, model: str = "mini:face", every: bool = False) -> Any:
    listing = list_sources(str(folder), Store(), "CC0", "signed")
    return unsuited(stages(model), listing, Store(), every)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes of the world, spoilt ones with them, and no camera's footage."""
    return make_corpus(tmp_path_factory.mktemp("world") / "videos", people=2, takes=1, **SHORT)


@pytest.fixture
def mixed(corpus: Path, tmp_path: Path) -> Path:
    """Two takes, and one that a program has encoded anew and of which nobody knows where it is from."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for take in sorted(corpus.glob("world*.mp4")):
        shutil.copy(take, folder)
    shutil.copy(corpus / "bad_frozen.mp4", folder)
    unnamed = (
        (folder / "world0-000_00.mp4")
        .read_bytes()
        .replace(b"redub renderer: world.", b"a film by somebody....")
    )
    (folder / "filmed.mp4").write_bytes(unnamed)
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


def test_all_that_the_demo_makes_is_the_world_s_the_spoilt_ones_too(corpus: Path) -> None:
    assert found(corpus, every=True) is None


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


def rebuild(folder: Path, catalog: Path, anyway: str = "") -> Rebuild:
    recipe = load_recipe("mini", CLIPS)
    return Rebuild(
        Request(
            str(folder), str(catalog), recipe, "mini", load_profile("laptop"), "CC0", "signed", anyway=anyway
        )
    )


def test_a_mix_is_refused_before_anything_is_written_and_the_remedies_are_named(
    mixed: Path, tmp_path: Path
) -> None:
    with rebuild(mixed, tmp_path / "catalog") as run, pytest.raises(FootageRefused) as refused:
        run.prepare()
    said = str(refused.value)
    assert (
        "recipe mini looks at faces with models that know only redub's procedural world (mini:face, " in said
    )
    assert f"and 1 of 4 sources are other footage ({mixed / 'filmed.mp4'})" in said
    assert re.search(r"use --recipe [a-z or]*full.*or say with --anyway REASON", said)
    assert not list((tmp_path / "catalog").glob("*.lance"))
    with rebuild(mixed, tmp_path / "catalog", anyway="  ") as run, pytest.raises(FootageRefused):
        run.prepare()


@needs_data
def test_the_recipe_of_the_world_refuses_real_clips(tmp_path: Path) -> None:
    with (
        rebuild(DATA / "clips", tmp_path / "catalog") as run,
        pytest.raises(FootageRefused, match="10 of 10"),
    ):
        run.prepare()


def test_a_plan_says_it_and_plans(mixed: Path, tmp_path: Path, run_command: Callable[..., str]) -> None:
    command = ("plan", "-s", mixed, "-c", tmp_path / "c", "--licence", "CC0", "--consent", "signed")
    said = " ".join(run_command(*command).split())
    assert "4 sources, 4 of them new" in said
    assert "`redub rebuild` would refuse this: recipe mini looks at faces" in said
    (mixed / "filmed.mp4").unlink()
    assert "refuse this" not in run_command(*command)


class OnlyProbe(Stages):
    required = ()

    probe: ProbeConfig = ProbeConfig()


def test_a_recipe_without_models_takes_any_footage(mixed: Path, tmp_path: Path) -> None:
    request = Request(
        str(mixed), str(tmp_path / "c"), OnlyProbe(), "probe", load_profile("laptop"), "CC0", "x"
    )
    with Rebuild(request) as run:
        assert run.prepare().sources == 4


def test_what_was_wanted_anyway_is_marked_and_said_wherever_it_is_looked_at(
    mixed: Path, tmp_path: Path, run_command: Callable[..., str]
) -> None:
    with rebuild(mixed, tmp_path / "catalog", REASON) as run:
        run.prepare()
        run.start()
        run.wait(run.nodes[-1].name)
        version = run.publish()
    told = version.manifest["anyway"]
    assert (told["reason"], told["rows"]) == (REASON, 1)
    assert "mini:face" in told["models"]
    catalog = Catalog(str(tmp_path / "catalog"))
    rows = load_version(catalog, version.tag)[1].to_table().to_pylist()
    assert {Path(row["ingest_uri"]).name: row["anyway"] for row in rows} == {
        "filmed.mp4": True, "world0-000_00.mp4": False, "world0-001_00.mp4": False,
    }  # fmt: skip
    for command in (("status",), ("trace", "filmed.mp4")):
        said = " ".join(run_command(*command, "-c", catalog.root).split())
        assert f"anyway: {REASON}" in said, command
    status = " ".join(run_command("status", "-c", catalog.root).split())
    assert "v1: 1 of 3 rows are of footage that their models know nothing of" in status
    with rebuild(mixed, tmp_path / "catalog", "another reason") as again:
        again.prepare()
        again.start()
        assert not again.publish().new
