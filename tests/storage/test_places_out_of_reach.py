"""A catalog's place that is no folder, or a store that can't be reached, is said in one sentence."""

import os
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.ledger.catalog import Catalog, existing_catalog
from storage.sources import list_sources
from storage.store import Store

pytest.importorskip("s3fs")
NOWHERE = {"aws_endpoint": "http://127.0.0.1:9", "aws_region": "us-east-1", "allow_http": "true",
    "aws_access_key_id": "id", "aws_secret_access_key": "secret"}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_file_is_no_catalog(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StorageError, match="file is a file, and a catalog is a folder: name another place with --catalog"
    ):
        existing_catalog(str(tmp_path / "file"))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/cat", "file:///tmp/cat", "simplecache::s3://b/cat"])
def test_a_catalog_lies_in_a_folder_or_an_object_store(address: str) -> None:
    with pytest.raises(StorageError, match="is not read"):
        Catalog(address)


def test_a_catalog_in_a_store_that_does_not_answer_is_said_to_be_out_of_reach() -> None:
    catalog = Catalog("s3://bucket/catalog", Store({**NOWHERE, "client_max_retries": "0"}))
    with pytest.raises(
        StorageError, match=r"s3://bucket/catalog/sources.lance can't be reached \(.*credentials"
    ) as told:
        catalog.exists()
    assert ".rs:" not in str(told.value)


def test_who_holds_a_catalog_can_not_be_asked_without_credentials() -> None:
    with pytest.raises(
        StorageError, match=r"s3://bucket/catalog/.lease can't be reached \(Unable to locate cred"
    ):
        Catalog("s3://bucket/catalog").holder()


def test_sources_without_credentials_are_said_to_need_some() -> None:
    with pytest.raises(
        StorageError, match=r"s3://bucket/videos can't be reached \(Unable to locate credentials\)"
    ):
        list_sources("s3://bucket/videos", Store())
