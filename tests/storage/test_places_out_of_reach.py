"""A catalog's place that is no folder, or a store that can't be reached, is said in one sentence."""

import os
import shutil
import subprocess
import sys
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


def test_a_place_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in (tmp_path / "file" / "catalog", tmp_path / "loop", tmp_path / ("x" * 300)):
        with pytest.raises(StorageError, match=r"can't be looked at .*: name another place with --catalog"):
            Catalog(str(place))
    with pytest.raises(StorageError, match="characters that no table's place can have"):
        Catalog(str(tmp_path / "a\nb"))


NO_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root itself may read what nobody may."""


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which(NO_RIGHTS[0]), reason="only root is here")
def test_a_catalog_that_may_not_be_read_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    run = [*(NO_RIGHTS if os.getuid() == 0 else ()), sys.executable, "-m", "flows", "status", "-c"]
    for place, said in (
        ("locked", "can't be read (permission denied)"),
        ("locked/new", "can't be looked at"),
    ):
        done = subprocess.run(
            [*run, place], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    command = f"cd {tmp_path}/gone && rmdir ../gone && exec {sys.executable} -m flows status"
    (tmp_path / "gone").mkdir()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "redub: the folder that this was started in is gone: change to another (cd) and try again\n"
    )
