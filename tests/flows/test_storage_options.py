"""A catalog on an object store: every command that takes one takes the options of its store, by hand or from a profile."""

import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from flows.command import stored
from flows.command.main import app
from storage.ledger.catalog import Catalog
from storage.sources import list_sources
from storage.store import OPTIONS, Store
from tests.storage.seaweed import Seaweed


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTIONS, "")


def commands(group: typer.Typer) -> Iterator[typer.models.CommandInfo]:
    yield from group.registered_commands
    for one in group.registered_groups:
        assert one.typer_instance
        yield from commands(one.typer_instance)


def test_every_command_that_takes_a_catalog_takes_them() -> None:
    found = 0
    for one in commands(app):
        assert one.callback
        names = inspect.signature(one.callback).parameters
        found += "catalog" in names
        assert "catalog" not in names or {"storage", "profile"} <= set(names), one.name
    assert found > 20


def test_what_is_said_counts_most_then_the_environment_then_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.toml").write_text("[p]\nstorage_options = { a = '1', b = '1', c = '1 and more' }")
    monkeypatch.setenv(OPTIONS, "b=2 a=2")
    stored.use(f"{tmp_path}/p.toml", ["a=3"])
    assert Store().options == {"a": "3", "b": "2", "c": "1 and more"}
    assert Store.told({"a": "0", "d": "0"}).options == Store().options | {"d": "0"}
    assert os.environ[OPTIONS]


@pytest.mark.usefixtures("unset")
def test_a_catalog_on_a_real_server_is_looked_at_with_them(tmp_path: Path, run_command) -> None:
    with Seaweed(tmp_path) as server:
        server.bucket("bucket")
        fs, _ = server.store.filesystem("s3://bucket")
        fs.pipe_file("bucket/words/a.mp4", b"alpha")
        catalog = Catalog("s3://bucket/catalog", server.store)
        catalog.add_sources(list_sources("s3://bucket/words", server.store, "CC0", "signed"), "first")
        lines = "\n".join(f"{key} = '{value}'" for key, value in server.store.options.items())
        (tmp_path / "p.toml").write_text(f"[p.storage_options]\n{lines}\n")
        given = [
            word for key, value in server.store.options.items() for word in ("--storage", f"{key}={value}")
        ]
        for how in (["-p", str(tmp_path / "p.toml")], given):
            os.environ[OPTIONS] = ""
            assert "a.mp4" in run_command("trace", "a.mp4", "-c", catalog.root, *how)
            assert "sources" in run_command("status", "-c", catalog.root, *how)
