"""A catalog and its sources on S3, spoken to a real server on loopback (moto)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flows.doctor import examine
from flows.run.graph import nodes_of
from flows.run.planning import listed_ids
from flows.terminal.models import pull_models
from flows.terminal.status import show_status
from flows.trained_weights import pinned_reference
from models.weights.digests import digest
from models.weights.licences import licences
from models.weights.references import ModelError, parse, resolve
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy
from storage.ledger.node import SOURCES
from storage.ledger.selection import select
from storage.overview import overview
from storage.sources import list_sources
from storage.store import OPTIONS, Store, as_text
from storage.trainings.names import training_lock
from storage.trainings.promotion import (
    Promotion,
    bring_promoted,
    of_checkpoint,
    promoted,
    write_promotion,
)
from storage.trainings.reading import checkpoint_named
from storage.trainings.writing import drop_training
from storage.versions.garbage import collect, find_garbage
from storage.versions.lineage import trace
from storage.versions.publish import publish
from storage.versions.version import load_version
from tests.storage.trainings import put_checkpoint, trained
from tests.toy.inline import run_jobs, toy_stages

pytest.importorskip("moto")
s3fs = pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    endpoint = f"http://127.0.0.1:{port}"
    options = {
        "aws_endpoint": endpoint, "aws_region": "us-east-1", "allow_http": "true",
        "aws_access_key_id": "id", "aws_secret_access_key": "secret",
    }  # fmt: skip
    try:
        _wait(port)
        store = Store(options)
        store.filesystem("s3://bucket")[0].call_s3("create_bucket", Bucket="bucket")
        yield store
    finally:
        server.kill()
        server.wait()


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("moto did not start")


def test_a_whole_rebuild_with_sources_and_catalog_on_s3(store: Store) -> None:
    fs, _ = store.filesystem("s3://bucket")
    fs.pipe_file("bucket/words/a.txt", b"alpha\nbeta\nno")
    fs.pipe_file("bucket/words/b.txt", b"gamma")
    catalog, stages = Catalog("s3://bucket/catalog", store), toy_stages()
    nodes = nodes_of(stages)
    listing = list_sources("s3://bucket/words", store, "CC0", "signed")
    with catalog.lock("first"):
        with pytest.raises(CatalogBusy, match="is being rebuilt by run first"), catalog.lock("second"):
            pass
        catalog.add_sources(listing, "first")
        catalog.record(nodes)
        run_jobs(catalog, stages, nodes, select(catalog, nodes, listed_ids(listing)), "first")
        version = publish(catalog, nodes, select(catalog, nodes, listed_ids(listing)), {"recipe": {}})
    assert version.manifest["rows"] == 3
    assert sorted(load_version(catalog, "v1")[1].to_table()["lines_text"].to_pylist()) == [
        "alpha",
        "beta",
        "gamma",
    ]
    with catalog.lock("third"):  # the first one's lease is gone
        collect(catalog, find_garbage(catalog))
    assert not any(s.todo.num_rows for s in select(catalog, nodes, listed_ids(listing)).values())
    assert catalog.table(SOURCES).states(SOURCES.fingerprint).num_rows == 2
    assert not Path("s3:").exists()


def test_a_training_on_s3_names_weights_that_workers_bring_and_check(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path))
    monkeypatch.setenv("REDUB_RUNS", "elsewhere")
    fs, _ = store.filesystem("s3://trained-at")
    fs.call_s3("create_bucket", Bucket="trained-at")
    catalog = Catalog("s3://trained-at/catalog", store)
    with (
        training_lock(catalog, "gen"),
        pytest.raises(CatalogBusy, match="training gen is being run by run gen"),
    ):
        trained(catalog, "gen")
    attempt = trained(catalog, "gen")
    assert fs.cat_file("trained-at/catalog/trainings/gen/best") == b"200"
    assert [pinned_reference(catalog, f"run:gen{at}") for at in ("", "@best", "@100")] == [
        "run:gen@300", "run:gen@200", "run:gen@100",
    ]  # fmt: skip
    place = "trained-at/catalog/trainings/gen/step-00000200/weights.safetensors"
    assert resolve("run:gen@200").read_bytes() == fs.cat_file(place)
    assert licences(["run:gen@200"])["run:gen@200"]["licence"] == "CC-BY-4.0"
    one = of_checkpoint(checkpoint_named(catalog, "gen", "200"), "structure")
    write_promotion(catalog, Promotion(one, datetime.now(UTC)))
    data = fs.cat_file(place)
    put_checkpoint(catalog, attempt, 400, 0.1)
    fs.pipe_file(place.replace("200", "400"), b"not what was written")
    with pytest.raises(StorageError, match="is not what its training wrote"):
        pinned_reference(catalog, "run:gen")
    drop_training(catalog, "gen")
    assert fs.find("trained-at/catalog/trainings/gen") == []
    now = promoted(catalog)
    assert now is not None
    assert now.editor.uri == "run:gen@200"
    assert bring_promoted(catalog, now.editor, tmp_path / "kept").read_bytes() == data


def test_weights_are_pulled_from_a_bucket_checked_and_gone_on_with(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path))
    monkeypatch.setenv(OPTIONS, as_text(f"{key}={value}" for key, value in store.options.items()))
    data = bytes(range(256)) * 20_000
    fs, _ = store.filesystem("s3://bucket")
    fs.pipe_file("bucket/weights/net.onnx", data)
    reference = f"s3://bucket/weights/net.onnx#sha256={sha256(data).hexdigest()}"
    with pytest.raises(ModelError, match="redub models pull"):
        resolve(reference)
    remote = parse(reference)
    assert remote is not None
    part = remote.folder.with_name(remote.folder.name + ".part") / "net.onnx"
    part.parent.mkdir(parents=True)
    part.write_bytes(data[:1000])  # what an attempt that was cut off left
    pull_models([reference], "", [])
    assert resolve(reference).read_bytes() == data
    assert digest(reference) in reference
    with pytest.raises(ModelError, match="is not what was promised"):
        pull_models([reference.replace(reference[-64:], "0" * 64)], "", [])
    with pytest.raises(ModelError, match=r"there is no s3://bucket/weights/none\.onnx"):
        pull_models([f"s3://bucket/weights/none.onnx#sha256={'1' * 64}"], "", [])
    assert [path for path in tmp_path.rglob("n*.onnx") if path.is_file()] == [resolve(reference)]


def test_looking_writes_nothing_to_the_store(store: Store) -> None:
    """With versioning on, a lease that is written and deleted again would leave its traces."""
    fs, _ = store.filesystem("s3://looked-at")
    fs.call_s3("create_bucket", Bucket="looked-at")
    on = {"Status": "Enabled"}
    fs.call_s3("put_bucket_versioning", Bucket="looked-at", VersioningConfiguration=on)
    catalog = Catalog("s3://looked-at/catalog", store)
    _put_sources(catalog, store)
    before = _versions(fs)
    assert catalog.holder() is None
    show_status(overview(catalog))
    examine("world", "laptop", catalog.root)
    assert trace(catalog, "a.txt").steps
    assert _versions(fs) == before
    with catalog.lock("first"):
        assert "run first" in str(catalog.holder())
    assert catalog.holder() is None


def _put_sources(catalog: Catalog, store: Store) -> None:
    fs, _ = store.filesystem(catalog.root)
    fs.pipe_file("looked-at/words/a.txt", b"alpha")
    catalog.add_sources(list_sources("s3://looked-at/words", store, "CC0", "signed"), "first")


def _versions(fs: Any) -> list[Any]:
    found = fs.call_s3("list_object_versions", Bucket="looked-at")
    kinds = (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))
    return sorted((one["Key"], one["VersionId"]) for one in kinds)
