"""A version of real footage is opened from Python as the page says."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from storage.ledger.catalog import Catalog
from storage.versions.aliases import move
from tests.docs.pages import ROOT, blocks


def test_the_python_on_the_page_for_programs_runs(
    catalog: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(catalog, tmp_path / "catalog")
    move(Catalog(str(tmp_path / "catalog")), "prod", "v3")
    (block,) = blocks(ROOT / "docs" / "for-programs.md", "python")
    names: dict[str, Any] = {"CATALOG": str(tmp_path / "catalog")}
    exec(block, names)
    assert names["version"].tag == "v3"
    assert 0 < names["train"].num_rows <= names["table"].num_rows == names["version"].manifest["rows"]
    assert names["video"][4:8] == b"ftyp"
    assert capsys.readouterr().out.count("bytes of MP4") == 2
