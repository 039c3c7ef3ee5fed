"""Rebuilds and a training on a real Ray cluster that wants a token, whose nodes go and come, and on a real S3 server.

The nodes are of one machine; each is told apart by what is in its processes' environment. Nothing may be lost, nothing
computed twice.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.demo.corpus import SHORT, make_corpus
from flows.recipes import STAGES
from infra.profiles import load_profile
from models.weights.digests import digest
from models.weights.references import resolve
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.store import OPTIONS, Store, as_text
from storage.trainings.reading import checkpoints_of, trainings
from storage.versions.version import tags
from tests.flows.bootstrapped import ALL
from tests.flows.prefect_api import until
from tests.infra.token_cluster import TokenCluster
from tests.storage.seaweed import Seaweed

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
NOTICED_S = 60
"""So long a node that came may have no worker of a rebuild."""
PEOPLE, TAKES = 2, 3
MARK = "REDUB_MARK"
HERE = Path(__file__).parents[2]
FACE, CACHE = "mini:face", "REDUB_MODELS"
TRAINED = ("init=mini:generator", "steps=4", "save_every=2", "validate_on=1", "crop=8")


@dataclass(frozen=True)
class Running:
    """A command, and the file of what it says."""

    process: subprocess.Popen[bytes]
    said: Path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TokenCluster]:
    with TokenCluster(tmp_path / "ray", cpus=1) as found:
        needs = load_profile("laptop").needs
        lines = [
            f"needs.{stage} = {{ {', '.join(f'{k} = {v}' for k, v in own.items())} }}"
            for stage, own in needs.items()
        ]
        found.profile.write_text("\n".join([found.profile.read_text(), *lines]))
        yield found


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    make_corpus(tmp_path / "videos", people=PEOPLE, takes=TAKES, broken=0, **SHORT)
    (tmp_path / "clips.toml").write_text("base = 'world'\ncompanion = false\n")
    return tmp_path / "videos"


def test_a_lost_node_is_done_without_and_one_that_comes_is_used_within_a_minute(
    cluster: TokenCluster, videos: Path, tmp_path: Path
) -> None:
    cluster.add(cpus=2, **{MARK: "second"})
    catalog = Catalog(str(tmp_path / "catalog"))
    running = rebuild(cluster, str(videos), catalog)
    try:
        until(lambda: workers("second") or running.process.poll() is not None, 120, lambda: ended(running))
        until(
            lambda: rows(catalog, "ingest") or running.process.poll() is not None, 120, lambda: ended(running)
        )
        assert running.process.poll() is None, ended(running)
        cluster.lose()
        cluster.add(cpus=2, **{MARK: "third"})
        came = time.monotonic()
        while not workers("third"):
            assert running.process.poll() is None, ended(running)
            assert time.monotonic() < came + NOTICED_S, "the node that came is not used"
            time.sleep(0.2)
        assert ended(running)[0] == 0, ended(running)
    finally:
        running.process.kill()
    all_there_and_none_twice(catalog)


def test_rebuilds_and_a_training_on_s3_outlive_a_lost_node_and_a_restart_of_the_server(
    cluster: TokenCluster, videos: Path, tmp_path: Path
) -> None:
    """All is there: sources, catalog, weights in a bucket, and those of the training, which a node's own cache lacks."""
    cluster.add(cpus=2, **{MARK: "second"})
    with Seaweed(tmp_path / "s3") as server:
        server.bucket("bucket")
        fs, _ = server.store.filesystem("s3://bucket")
        fs.put(f"{videos}/", "bucket/videos/", recursive=True)
        fs.put(str(resolve(FACE)), "bucket/weights/face.safetensors")
        face = f"s3://bucket/weights/face.safetensors#sha256={digest(FACE)}"
        assert ended(redub(cluster, server.store, "models", "pull", face))[0] == 0
        catalog = Catalog("s3://bucket/catalog", server.store)
        settings = ("--set", f"ingest.face_model={face}")
        running = rebuild(cluster, "s3://bucket/videos", catalog, *settings)
        try:
            until(
                lambda: rows(catalog, "ingest") or running.process.poll() is not None,
                180,
                lambda: ended(running),
            )
            assert running.process.poll() is None, ended(running)
            cluster.lose()
            server.kill()
            time.sleep(3)
            server.start()
            assert running.process.poll() is None, ended(running)
            assert ended(running)[0] == 0, ended(running)
        finally:
            running.process.kill()
        all_there_and_none_twice(catalog)
        training = redub(
            cluster, server.store, "train", "generator", "-c", catalog.root, "--name", "g", "--on", "v1",
            *(word for one in TRAINED for word in ("--set", one)),
        )  # fmt: skip
        assert ended(training)[0] == 0, ended(training)
        assert [(one.run, one.state) for one in trainings(catalog)] == [("g", "finished")]
        assert max(one.step for one in checkpoints_of(catalog, "g")) == 4
        far = tmp_path / "far"
        cluster.add(cpus=2, **{MARK: "third", CACHE: str(far)})
        (tmp_path / "clips.toml").write_text("base = 'world'\n")
        painted = (word for one in ("companion.generator=run:g", *ALL) for word in ("--set", one))
        pairs = rebuild(cluster, "s3://bucket/videos", catalog, *settings, *painted)
        assert ended(pairs)[0] == 0, ended(pairs)
        all_there_and_none_twice(catalog, "v2")
        assert rows(catalog, "companion")
        assert list(far.rglob("weights.safetensors"))
        assert catalog.holder() is None


def rebuild(cluster: TokenCluster, sources: str, catalog: Catalog, *settings: str) -> Running:
    recipe = str(cluster.folder.parent / "clips.toml")
    where = ("-s", sources, "-c", catalog.root, "-r", recipe)
    return redub(cluster, catalog.store, "rebuild", *where, *settings)


def redub(cluster: TokenCluster, store: Store, *arguments: str) -> Running:
    env = cluster.env | {
        OPTIONS: as_text(f"{key}={value}" for key, value in store.options.items()),
        "PREFECT_HOME": str(cluster.folder / "prefect"), "COLUMNS": "200",
    }  # fmt: skip
    command = [sys.executable, "-m", "flows", *arguments, "-p", str(cluster.profile)]
    said = cluster.folder / "said"
    with said.open("w") as file:
        return Running(
            subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT, cwd=HERE), said
        )


def ended(running: Running) -> tuple[int, str]:
    return running.process.wait(900), running.said.read_text()[-3000:]


def workers(mark: str) -> list[int]:
    """Processes of the engine's workers on the node that has the mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text()
            environ = (entry / "environ").read_text(errors="replace").split("\0")
        except OSError:
            continue
        if command.startswith("ray::Actor") and f"{MARK}={mark}" in environ:
            found.append(int(entry.name))
    return found


def rows(catalog: Catalog, stage: str) -> int:
    table = open_table(catalog, stage)
    return table.count_rows() if table is not None else 0


def all_there_and_none_twice(catalog: Catalog, newest: str = "v1") -> None:
    """One row an item in every stage, none set aside, and a version of all."""
    assert tags(catalog)[-1] == newest
    assert rows(catalog, "probe") == PEOPLE * TAKES
    for stage in (one for one in STAGES if rows(catalog, one)):
        table: Any = open_table(catalog, stage)
        found = table.to_table(columns=["item_id", "status"]).to_pylist()
        assert max(Counter(row["item_id"] for row in found).values()) == 1, stage
        assert "quarantined" not in {row["status"] for row in found}, stage
    assert rows(catalog, "dataset")
