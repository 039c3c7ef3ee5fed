"""A person of real footage is forgotten: what every stage of three versions made of them, and what a training drew."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from torch import nn

from flows.terminal.forgetting import forget_one
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import stage_order
from storage.trainings.names import run_uri
from storage.versions.descent import rows_where
from storage.versions.version import load_version, tags
from tasks.training.loop import train
from tasks.training.objective import Validation
from tests.storage.trainings import trained
from tests.tasks.training.toy import Heard, job

PIECE = 48
"""Bytes out of the middle of a blob: no two are alike by chance."""


@dataclass
class Drawing:
    """A validator whose picture is of this person."""

    picture: bytes
    higher_is_better: bool = True

    def __call__(self, net: nn.Module, step: int) -> Validation:
        return Validation({"quality": 1.0}, {"clips.png": self.picture})


def planted(catalog: Catalog, who: str) -> dict[str, bytes]:
    """`stage.column` of one of this person's clips -> bytes out of what lies there."""
    item = rows_where(catalog, "speakers", f"speaker = '{who}'", ["item_id"])[0]["item_id"]
    pieces = {}
    for stage in stage_order(catalog)[1:]:
        dataset = open_table(catalog, stage)
        blobs = [field.name for field in dataset.schema if "blob" in str(field.type).lower()]
        found = dataset.scanner(columns=["status"], filter=f"item_id = '{item}'", with_row_id=True).to_table()
        for column in blobs if found.num_rows else ():
            ((_, data),) = dataset.read_blobs(column, ids=found["_rowid"].to_pylist()[:1])
            if data and len(data) > 3 * PIECE and len(set(data[len(data) // 2 :][:PIECE])) > 8:
                pieces[f"{stage}.{column}"] = data[len(data) // 2 :][:PIECE]
    return pieces


def holding(root: Path, pieces: dict[str, bytes]) -> dict[str, list[str]]:
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    found = {
        name: [str(p.relative_to(root)) for p, data in files.items() if piece in data]
        for name, piece in pieces.items()
    }
    return {name: places for name, places in found.items() if places}


def test_what_stages_made_of_a_person_and_what_a_training_drew_is_nowhere_on_the_disk(
    catalog: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(catalog, tmp_path / "catalog")
    tables = Catalog(str(tmp_path / "catalog"))
    assert tags(tables) == ["v1", "v2", "v3"]
    who = load_version(tables, "v3")[1].to_table()["speakers_speaker"][0].as_py()
    pieces = planted(tables, who)
    assert pieces.keys() > {"ingest.video", "ingest.audio", "facemask.face_masks", "latents.window_latents"}
    folder = Path(run_uri(tables, "gen-a"))
    trained(tables, "gen-a", data="v2")
    looked = replace(job(folder), validator=Drawing(pieces["ingest.video"]))
    train(looked, Heard())
    assert holding(tmp_path / "catalog", pieces).keys() == pieces.keys(), "the test can tell"
    rows = {tag: load_version(tables, tag)[0].manifest["rows"] for tag in tags(tables)}

    forget_one(tables.root, who, "", yes=True)

    said = " ".join(capsys.readouterr().out.split())
    assert "training gen-a (generator, finished) saw" in said
    assert holding(tmp_path / "catalog", pieces | {"name": who.encode()}) == {}
    left = {tag: load_version(tables, tag)[0].manifest["rows"] for tag in tags(tables)}
    assert all(0 < left[tag] < rows[tag] for tag in rows)
