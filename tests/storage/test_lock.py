"""The lock of a local catalog: one holder, who can be asked about without being disturbed, and whom a kill frees."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.ledger.lock import CatalogBusy, catalog_lock, holder

HOLD = """
import sys, time
from storage.ledger.lock import catalog_lock
with catalog_lock(sys.argv[1], "theirs"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_held_catalog_names_its_holder_and_refuses_a_second(tmp_path: Path) -> None:
    assert holder(str(tmp_path)) is None
    with catalog_lock(str(tmp_path), "mine"):
        assert "by run mine" in str(holder(str(tmp_path)))
        with pytest.raises(CatalogBusy, match="by run mine"), catalog_lock(str(tmp_path), "second"):
            pass
        assert holder(str(tmp_path)) is not None, "neither asking nor a refusal has freed it"
    assert holder(str(tmp_path)) is None


def test_asking_never_stands_in_the_way_of_who_wants_it(tmp_path: Path) -> None:
    with catalog_lock(str(tmp_path), "before"):
        pass
    with open(tmp_path / ".lock") as looking:
        assert holder(str(tmp_path)) is None
        with catalog_lock(str(tmp_path), "mine"):
            assert looking.readable()


def test_a_kill_frees_it(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert f"process {other.pid}" in str(holder(str(tmp_path)))
    other.kill()
    other.wait()
    assert holder(str(tmp_path)) is None
    with catalog_lock(str(tmp_path), "mine"):
        pass


def test_a_place_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "catalog")
    told = r"file/catalog cannot be changed .* --catalog"
    with pytest.raises(StorageError, match=told), catalog_lock(nowhere, "mine"):
        pass
