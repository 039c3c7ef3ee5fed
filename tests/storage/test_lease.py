"""The lease of a catalog on a real S3 server: one of many that want it at once has it, and it outlives a restart."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.ledger import lease
from storage.ledger.lock import CatalogBusy, catalog_lock, holder
from tests.storage.seaweed import Seaweed

pytest.importorskip("s3fs")
RACE = """
import json, sys, time
from storage.ledger.lock import CatalogBusy, catalog_lock
from storage.store import Store
root, name, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
from storage.ledger.lock import holder
holder(root, Store(options))
print("ready", flush=True)
sys.stdin.readline()
try:
    with catalog_lock(root, name, Store(options)):
        print("held", flush=True)
        sys.stdin.readline()
except CatalogBusy as busy:
    print(busy, flush=True)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with Seaweed(tmp_path_factory.mktemp("s3")) as found:
        found.bucket("bucket")
        yield found


def test_of_racing_processes_one_has_it_and_the_others_name_it(server: Seaweed) -> None:
    racers = [_racer(server, "s3://bucket/race", f"run{i}") for i in range(5)]
    assert [_line(one) for one in racers] == ["ready"] * 5
    for one in racers:
        _go(one)
    said = [_line(one) for one in racers]
    assert said.count("held") == 1, said
    winner = f"by run run{said.index('held')} "
    assert all(winner in words for words in said if words != "held"), said
    for one in racers:
        one.communicate("\n")
    assert holder("s3://bucket/race", server.store) is None


def test_a_lease_whose_holder_died_is_taken_by_one_and_the_old_holder_notices(
    server: Seaweed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.2)
    root = "s3://bucket/old"
    with catalog_lock(root, "silent", server.store):
        with pytest.raises(CatalogBusy, match="run silent"), catalog_lock(root, "other", server.store):
            pass
        monkeypatch.setattr(lease, "LEASE_S", -1.0)  # as if a minute had gone by
        with catalog_lock(root, "heir", server.store):
            monkeypatch.setattr(lease, "LEASE_S", 60.0)
            time.sleep(1)
            assert "was taken by another run" in caplog.text
            assert "run heir" in str(holder(root, server.store))
    assert holder(root, server.store) is None


@pytest.mark.chaos
def test_a_lease_is_kept_through_a_restart_of_the_server(
    server: Seaweed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.2)
    monkeypatch.setattr(lease, "AGAIN_S", 0.2)
    with catalog_lock("s3://bucket/kept", "mine", server.store):
        server.kill()
        time.sleep(1)
        server.start()
        time.sleep(3)
        assert "run mine" in str(holder("s3://bucket/kept", server.store))
        assert "was taken" not in caplog.text


def _racer(server: Seaweed, root: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RACE, root, name, json.dumps(server.store.options)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())


def _go(racer: subprocess.Popen[str]) -> None:
    assert racer.stdin
    print(file=racer.stdin, flush=True)


def _line(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout
    return racer.stdout.readline().strip()
