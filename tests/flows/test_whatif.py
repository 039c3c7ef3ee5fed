"""What other limits would make of stored pairs: as many as a rebuild would let through, whose, and how they look."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from flows.command.looking import app
from flows.errors import RecipeError
from flows.looking.whatif import Group, changed_sheet, what_if
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES
from storage.ledger.table import Status, ledger_row
from storage.media.images import encode_jpeg
from tasks.pairverdict import PairVerdict, PairVerdictConfig, PairVerdictInput, PairVerdictRow
from tests.flows.scored import GOOD, many_scores, nodes, record

SCORES = {
    "a1": {"identity": 0.95, "yaw": 2.0},
    "a2": {"identity": 0.82, "yaw": 12.0},
    "a3": {"identity": 0.78, "yaw": 25.0},
    "b1": {"identity": 0.83, "lip_distance": 1.1, "yaw": 50.0},
    "b2": {"identity": 0.9, "lip_distance": 1.1, "yaw": 3.0},
    "b3": {"identity": 0.9, "lip_distance": 0.4, "yaw": 4.0},
}
OCCLUDERS = {"a1": [], "a2": ["hand"], "a3": ["hand", "cup"], "b1": [], "b2": ["hand"], "b3": []}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return written(tmp_path / "catalog", SCORES)


def written(
    root: Path, scores: dict[str, dict[str, Any]], limits: PairVerdictConfig | None = None
) -> Catalog:
    catalog, known = Catalog(str(root)), nodes(limits or PairVerdictConfig())
    source = dict.fromkeys(catalog.table(SOURCES).columns, None) | {"uri": "a.mp4", "size": 1, "mtime_ns": 1}
    source |= {"licence": "CC0", "consent": "signed", "speaker": ""}
    catalog.table(SOURCES).append([ledger_row(SOURCES, "s", "r1", values=source)])
    rows: dict[str, dict[str, dict[str, Any]]] = {
        "verdict": {item: {} for item in scores},
        "captions": {item: {"occluders": OCCLUDERS.get(item, [])} for item in scores},
        "speakers": {item: {"speaker": f"Speaker {item[0]}"} for item in scores},
        "companion": {item: {"poster": picture(n)} for n, item in enumerate(scores)},
        "pairscores": {item: {**GOOD, **own} for item, own in scores.items()},
    }
    for name, of_items in rows.items():
        node = known[name]
        catalog.table(node).append([ledger_row(node, item, "r1", values=v) for item, v in of_items.items()])
    record(catalog, known)
    return catalog


def picture(n: int) -> bytes:
    return encode_jpeg(np.full((40, 120, 3), 30 * n % 256, np.uint8))


def test_it_says_which_pairs_come_in_and_which_go_out(catalog: Catalog) -> None:
    found = what_if(catalog, ["pairverdict.identity=0.8", "pairverdict.lip_distance=1.2"])
    assert found.limits == {"identity": (0.85, 0.8), "lip_distance": (1.0, 1.2)}
    assert (found.pairs, found.before, found.after) == (6, 2, 2)
    assert (found.gained, found.lost) == (("a2",), ("b2",))
    assert found.by_speaker == (Group("Speaker a", 1, 2, 1, 0), Group("Speaker b", 1, 0, 0, 1))
    assert {g.name: (g.gained, g.lost) for g in found.by_occluder} == {
        "hand": (1, 1), "nothing": (0, 0), "hand, cup": (0, 0),
    }  # fmt: skip
    assert [(g.name, g.before, g.after) for g in found.by_yaw] == [
        ("0 to 10", 2, 1), ("10 to 20", 0, 1), ("20 to 30", 0, 0), ("45 to 180", 0, 0),
    ]  # fmt: skip


def test_it_foretells_what_the_stage_decides(tmp_path: Path) -> None:
    made = many_scores(400)
    scores = {f"{'ab'[n % 2]}{n:03d}": {k: float(v[n]) for k, v in made.items()} for n in range(400)}
    scores = {item: {**own, "occluder_db": None, "seam": None} for item, own in scores.items()}
    catalog = written(tmp_path / "catalog", scores)
    found = what_if(
        catalog, ["pairverdict.identity=0.9", "pairverdict.lip_distance=0.7", "pairverdict.yaw=40"]
    )
    then = PairVerdict(PairVerdictConfig(identity=0.9, lip_distance=0.7, yaw=40.0))
    now = PairVerdict(PairVerdictConfig())
    rows = [PairVerdictInput(id=item, **own) for item, own in scores.items()]
    passed = [
        {result.id for result in judge(rows) if isinstance(result, PairVerdictRow)} for judge in (now, then)
    ]
    assert (found.before, found.after) == tuple(len(ids) for ids in passed)
    assert set(found.gained) == passed[1] - passed[0]
    assert set(found.lost) == passed[0] - passed[1]
    assert found.gained
    assert found.lost


def test_it_starts_from_the_limits_of_the_newest_rebuild(tmp_path: Path) -> None:
    catalog = written(tmp_path / "catalog", SCORES, PairVerdictConfig(identity=0.8, yaw=20.0))
    found = what_if(catalog, ["pairverdict.yaw=off"])
    assert found.limits == {"yaw": (20.0, None)}
    assert found.gained == ("b1",)
    assert what_if(catalog, ["pairverdict.yaw=20"]).limits == {}


def test_what_a_gate_has_closed_on_since_does_not_count(catalog: Catalog) -> None:
    known = nodes(PairVerdictConfig())
    strict = dataclasses.replace(
        known["verdict"],
        computation=dataclasses.replace(known["verdict"].computation, config={"strict": True}),
    )
    rows = [
        ledger_row(strict, item, "r2", status=Status.REJECTED if item == "a2" else Status.OK)
        for item in SCORES
    ]
    catalog.table(strict).append(rows)
    record(catalog, {**known, "verdict": strict}, run="r2")
    found = what_if(catalog, ["pairverdict.identity=0.8"])
    assert (found.pairs, found.gained) == (5, ("b1",))


def test_scores_of_other_settings_and_pairs_that_are_no_pairs_do_not_count(catalog: Catalog) -> None:
    other, node = nodes(PairVerdictConfig(), scored="b"), nodes(PairVerdictConfig())["pairscores"]
    catalog.table(node).append(
        [
            ledger_row(other["pairscores"], "a9", "r0", values=GOOD),
            ledger_row(node, "c1", "r1", status=Status.REJECTED, code="face_lost", reason="..."),
            ledger_row(node, "c2", "r1", status=Status.QUARANTINED),
            ledger_row(node, "c2", "r2", status=Status.RETRY, revision=1),
        ]
    )
    assert what_if(catalog, ["pairverdict.identity=0.8"]).pairs == 6


def test_a_sheet_shows_those_that_are_gained_or_lost(catalog: Catalog, tmp_path: Path) -> None:
    found = what_if(catalog, ["pairverdict.identity=0.8", "pairverdict.lip_distance=1.2"])
    sheet = tmp_path / "new" / "sheet.png"
    assert changed_sheet(catalog, found, sheet) == 2
    drawn = np.asarray(Image.open(io.BytesIO(sheet.read_bytes())).convert("L"))
    for n in (list(SCORES).index("a2"), list(SCORES).index("b2")):
        assert (np.abs(drawn.astype(int) - 30 * n) < 3).sum() > 100 * 30, "its companion's poster"
    none = what_if(catalog, ["pairverdict.identity=0.85"])
    assert changed_sheet(catalog, none, tmp_path / "none.png") == 0
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "say which limit to try.*now there are: identity 0.85, lip_distance 1"),
        (["pairverdict.identty=0.8"], "no limit 'identty'.*did you mean 'identity'"),
        (["pairverdict.identity=1.8"], "identity can't be 1.8"),
        (["pairverdict.identity=nan"], "identity can't be nan"),
        (["pairverdict.lip_distance=-1"], "lip_distance can't be -1"),
        (["pairverdict.identity=high"], "identity can't be 'high'"),
        (["verdict.min_sharpness=8"], "is no limit of pairs.*redub plan"),
        (["identity"], "is no limit of pairs"),
    ],
)
def test_limits_that_are_none_are_refused_in_a_sentence(
    catalog: Catalog, settings: list[str], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        what_if(catalog, settings)


def test_a_catalog_without_pairs_says_so(tmp_path: Path) -> None:
    catalog = written(tmp_path / "catalog", {})
    with pytest.raises(StorageError, match="has no scored pairs"):
        what_if(catalog, ["pairverdict.identity=0.8"])


def test_the_command(catalog: Catalog, tmp_path: Path) -> None:
    redub, where = CliRunner(), ("-c", catalog.root)
    told = redub.invoke(app, ["whatif", "--identity", ".80", "--set", "pairverdict.yaw=20", *where])
    assert told.exit_code == 0, told.output
    assert "identity: 0.85 -> 0.8" in told.stdout
    assert "yaw: off -> 20" in told.stdout
    assert (
        "2 of 6 scored pairs are accepted now, 3 would be: 1 more come in, 0 go out."
        in told.stdout.replace("\n", " ")
    )
    assert "Speaker a" in told.stdout
    sheet = tmp_path / "changed.png"
    told = redub.invoke(app, ["whatif", "--lip-distance", "1.2", "--json", "--sheet", str(sheet), *where])
    answer = json.loads(told.stdout)
    assert (answer["lost"], answer["gained"], answer["before"]) == (["b2"], [], 2)
    assert sheet.exists()


def test_the_files_of_videos_are_not_opened(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("whatif reads scores alone")

    monkeypatch.setattr("storage.media.container.open_media", refuse)
    monkeypatch.setattr("storage.ledger.table.Table.read", refuse)
    assert what_if(catalog, ["pairverdict.identity=0.8"]).pairs == 6
