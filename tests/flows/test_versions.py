"""Versions as a team works with them: names of its own, days, gates, rows, bytes, and what a model has touched."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import redub
from flows.run.graph import nodes_of
from flows.run.planning import listed_ids
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.selection import select
from storage.sources import list_sources
from storage.versions.gates import GateRefused, Gates
from storage.versions.publish import publish
from storage.versions.version import load_version, tag_named, tags
from tests.storage.trainings import trained
from tests.toy.inline import Ran, run_inline, run_jobs, toy_stages, write_words
from tests.toy.stages import Length, Lines, Long


class Heavy(Length):
    """Says that it loads two models."""

    def weights(self) -> dict[str, str]:
        return {"mini:face": "abc", "run:gen-a@3": "def"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Three versions: of the lines of four letters, of the longer ones, and of all, measured anew."""
    folder = tmp_path_factory.mktemp("versions")
    words = write_words(
        folder / "words", a="one\nthree\nfive\nseven", b="eleven\ntwelve", c="thirteen", d="two\nfourteen"
    )
    run_inline(words, folder / "catalog", toy_stages())
    run_inline(words, folder / "catalog", toy_stages(at_least=6))
    return run_inline(words, folder / "catalog", toy_stages(scale=2))


@pytest.fixture
def words(built: Ran) -> Path:
    return Path(built.catalog.root).parent / "words"


@pytest.fixture
def ran(built: Ran, tmp_path: Path) -> Ran:
    """A catalog for one test."""
    shutil.copytree(built.catalog.root, tmp_path / "catalog")
    return replace(built, catalog=Catalog(str(tmp_path / "catalog")))


@pytest.fixture
def command(ran: Ran, run_command: Callable[..., str]) -> Callable[..., str]:
    def run(*words: object, check: bool = True) -> str:
        return run_command(*words, "-c", ran.catalog.root, check=check)

    return run


def said(command: Callable[..., str], *words: object) -> Any:
    """What it gives programs."""
    return json.loads(command(*words, "--json"))


def test_an_alias_is_moved_rolled_back_and_taken_away_and_every_move_is_kept(
    command: Callable[..., str],
) -> None:
    assert "prod names v1." in command("alias", "prod", "v1")
    assert "prod names v3, and named v1 before." in command("alias", "prod", "v3", "--note", "looks good")
    assert said(command, "alias", "prod", "--back") == {"alias": "prod", "version": "v1", "before": "v3"}
    command("alias", "test", "prod")
    assert [(one["version"], one["aliases"]) for one in said(command, "versions")] == [
        ("v3", []), ("v2", []), ("v1", ["prod", "test"]),
    ]  # fmt: skip
    command("alias", "test", "--remove")
    found = said(command, "alias")
    assert found["aliases"] == {"prod": "v1"}
    assert [(move["name"], move["version"]) for move in reversed(found["moves"])] == [
        ("prod", "v1"), ("prod", "v3"), ("prod", "v1"), ("test", "v1"), ("test", ""),
    ]  # fmt: skip
    assert [move["note"] for move in found["moves"] if move["note"]] == ["looks good"]
    assert said(command, "status")["versions"][-1]["aliases"] == ["prod"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prod", "v9"), "has no version 'v9'; it has v1, v2, v3"),
        (("v7", "v1"), "'v7' can't be an alias"),
        (("2026-11-20", "v1"), "can't be an alias"),
        (("Prod", "v1"), "begins with a small letter"),
        (("prod",), "never had an alias 'prod'; there is none"),
        (("prod", "--back"), "alias 'prod' can't go back: it names nothing"),
        (("prod", "--remove"), "there is no alias 'prod'"),
        (("prod", "v1", "--back"), "one of --back and"),
    ],
)
def test_what_is_no_alias_is_refused_in_a_sentence(
    command: Callable[..., str], words: tuple[str, ...], told: str
) -> None:
    assert told in " ".join(command("alias", *words, check=False).split())


def test_a_version_is_taken_by_its_alias_or_day_wherever_one_is_named(
    ran: Ran, command: Callable[..., str], tmp_path: Path
) -> None:
    command("alias", "prod", "v2")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert tag_named(ran.catalog, today) == "v3"
    assert said(command, "diff", "prod", today)["before"]["version"] == "v2"
    assert said(command, "rows", "prod")["version"] == "v2"
    assert redub.open(ran.catalog.root, "prod").tag == "v2"
    with pytest.raises(StorageError, match="had no version on 2020-02-29: v1 was made on"):
        tag_named(ran.catalog, "2020-02-29")
    with pytest.raises(StorageError, match="2026-02-30 is no day"):
        tag_named(ran.catalog, "2026-02-30")


def test_a_version_that_an_alias_names_is_not_given_up(command: Callable[..., str]) -> None:
    command("alias", "prod", "v1")
    refused = " ".join(command("gc", "--keep", "1", "--yes", check=False).split())
    assert "v1 can't be given up: the alias prod names it; keep more versions (--keep 3)" in refused
    command("alias", "prod", "v3")
    command("gc", "--keep", "1", "--yes")
    assert [one["version"] for one in said(command, "versions")] == ["v3"]


def publish_long(ran: Ran, words: Path, gates: Gates) -> Any:
    """Publishes the longer lines alone, four of nine."""
    stages = toy_stages(scale=2, at_least=12)
    nodes = nodes_of(stages)
    ran.catalog.record(nodes)
    listed = listed_ids(list_sources(str(words), ran.catalog.store, "CC0", "signed"))
    run_jobs(ran.catalog, stages, nodes, select(ran.catalog, nodes, listed), "gated")
    return publish(ran.catalog, nodes, select(ran.catalog, nodes, listed), {"git_commit": ""}, gates=gates)


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        (
            Gates(min_share=0.9),
            r"v4 would have 4 rows, and v3 has 9: 44\.4% of them, where .* asks for 90\.0%",
        ),
        (Gates(splits=("train", "holdout")), r"the split 'holdout' has no row \(there are .*train \d"),
        (
            Gates(licences=("MIT", "BSD")),
            r"4 rows have the licence 'CC0', and publish.licences allows MIT, BSD",
        ),
    ],
)
def test_a_version_that_does_not_pass_its_gates_is_refused_with_the_numbers_unless_it_is_said_why(
    ran: Ran, words: Path, command: Callable[..., str], gates: Gates, told: str
) -> None:
    with pytest.raises(GateRefused, match=f"v4 is not published: {told}.*--set 'publish.anyway=the reason'"):
        publish_long(ran, words, gates)
    assert tags(ran.catalog) == ["v1", "v2", "v3"]
    version = publish_long(ran, words, gates.model_copy(update={"anyway": "the rest is being filmed anew"}))
    assert version.tag == "v4"
    assert version.manifest["gates"]["anyway"] == "the rest is being filmed anew"
    shown = " ".join(command("versions").split())
    assert "v4: published in spite of its gates" in shown
    assert "since the rest is being filmed anew" in shown


def test_a_version_that_passes_says_nothing_of_gates(ran: Ran, words: Path) -> None:
    version = publish_long(ran, words, Gates(min_share=0.4, splits=("train",), licences=("CC0",)))
    assert version.tag == "v4"
    assert "gates" not in version.manifest


def test_rows_are_filtered_as_in_sql_and_counted_by_what_they_say(command: Callable[..., str]) -> None:
    found = said(
        command, "rows", "v1", "--where", "length_length > 6", "--column", "lines_text", "--limit", "2"
    )
    assert found["matching"] == 2
    assert sorted(row["lines_text"] for row in found["rows"]) == ["fourteen", "thirteen"]
    by = said(command, "rows", "v1", "--by", "licence")
    assert by["counts"][0] | {"seconds": 0} == {
        "value": "CC0", "rows": 7, "stage": "", "code": "", "rejected": 0, "quarantined": 0, "seconds": 0, "bytes": 0,
    }  # fmt: skip
    counts = said(command, "rows", "v1", "--by", "speaker")["counts"]
    assert sum(one["rows"] for one in counts) == 7
    assert counts[0]["value"].endswith("a.txt")


def test_what_was_left_out_is_counted_by_reason_and_by_stage(command: Callable[..., str]) -> None:
    (short,) = said(command, "rows", "v2", "--by", "reason")["counts"]
    assert (short["stage"], short["code"], short["rows"]) == ("long", "short", 5)
    assert "is below 6" in short["value"]
    (one,) = said(command, "rows", "v2", "--by", "reason", "--where", "reason LIKE '%length 5%'")["counts"]
    assert one["rows"] == 2, "three and seven"
    stages = {row["value"]: row for row in said(command, "rows", "v2", "--by", "stage")["counts"]}
    assert (stages["long"]["rows"], stages["long"]["rejected"]) == (4, 5)
    assert stages["length"]["seconds"] == 9 * 0.25
    assert "short" in command("rows", "v2", "--by", "reason")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--where", "length_length >"), "can't be filtered by 'length_length >' (Error parsing statement"),
        (("--where", "nosuch = 3"), "No field named nosuch); its columns: item_id, sources_licence"),
        (("--where", "lines_text"), "does not return a boolean"),
        (("--column", "nosuch"), "has no column 'nosuch'; its columns: item_id"),
        (("--by", "nosuch"), "has no column 'nosuch'; its columns: item_id"),
        (
            ("--by", "reason", "--where", "lines_text = 'x'"),
            "filter the columns item_id, parent_id, status, code",
        ),
    ],
)
def test_a_filter_that_is_none_is_refused_in_a_sentence_with_the_columns(
    command: Callable[..., str], words: tuple[str, ...], told: str
) -> None:
    refused = " ".join(command("rows", "v1", *words, check=False).split())
    assert refused.startswith("redub: ")
    assert told in refused


def test_size_says_what_gc_then_frees(ran: Ran, command: Callable[..., str]) -> None:
    before = said(command, "size")
    on_disk = sum(path.stat().st_size for path in Path(ran.catalog.root).rglob("*") if path.is_file())
    assert before["bytes"] == pytest.approx(on_disk, rel=0.01)
    assert {one["name"] for one in before["tables"]} > {"lines", "length", "long", "dataset", "runs"}
    assert [(one["version"], one["rows"]) for one in before["versions"]] == [("v3", 9), ("v2", 4), ("v1", 7)]
    assert said(command, "size")["freed"] == before["freed"] > 0, "only looks"
    command("gc", "--yes")
    after = said(command, "size")
    assert before["freed"] <= before["bytes"] - after["bytes"] < 3 * before["freed"]
    assert after["freed"] < before["freed"] / 50


def test_a_versions_bytes_are_those_that_its_rows_point_at(ran: Ran, command: Callable[..., str]) -> None:
    texts = load_version(ran.catalog, "v2")[1].to_table()["lines_text"].to_pylist()
    (v2,) = (one for one in said(command, "size")["versions"] if one["version"] == "v2")
    assert v2["bytes"] >= sum(len(text) * 51 for text in texts), "each text, and its echo fifty times"


def test_impact_names_stages_versions_and_trainings(
    ran: Ran, words: Path, command: Callable[..., str]
) -> None:
    stages = {
        "lines": Lines(),
        "length": Heavy(Length.Config(scale=5.0)),
        "long": Long(Long.Config(at_least=20.0)),
    }
    run_inline(words, Path(ran.catalog.root), stages)
    trained(ran.catalog, "gen-b", data="v4")
    command("alias", "prod", "v4")
    for name in ("mini:face", "run:gen-a", "run:gen-a@3"):
        found = said(command, "impact", name)
        assert [(one["stage"], one["loads"], one["rows"]) for one in found["stages"]] == [
            ("length", True, 9), ("long", False, 9),
        ]  # fmt: skip
        assert found["stages"][0]["seconds"] == 9 * 0.25
        (version,) = found["versions"]
        assert (version["version"], version["aliases"], version["trainings"]) == ("v4", ["prod"], ["gen-b"])
    assert "v4 (prod) holds" in command("impact", "mini:face")
    refused = " ".join(command("impact", "sam2", check=False).split())
    assert "was made with 'sam2'; its rows were made with mini:face, run:gen-a@3" in refused


def test_a_version_is_opened_from_python(ran: Ran, command: Callable[..., str]) -> None:
    version = redub.open(ran.catalog.root)
    assert (version.tag, version.rows().num_rows) == ("v3", 9)
    assert version.manifest["rows"] == 9
    short = version.rows("length_length < 8", ["lines_text", "length_row"])
    assert sorted(short["lines_text"].to_pylist()) == ["one", "two"]
    echoes = list(version.blobs("length", "echo", short["length_row"].to_pylist()))
    assert sorted(echoes) == [b"one" * 50, b"two" * 50]
    splits = version.manifest["splits"]
    assert {name: version.split(name).num_rows for name in splits} == splits
    assert pickle.loads(pickle.dumps(version)).rows().num_rows == 9
    command("alias", "prod", "v1")
    assert redub.open(ran.catalog.root, "prod").tag == "v1"
    with pytest.raises(
        redub.StorageError, match="was made without 'sound'; its stages are lines, length, long"
    ):
        version.lance("sound")
    with pytest.raises(redub.StorageError, match="has no split 'holdout'"):
        version.split("holdout")
    with pytest.raises(redub.StorageError, match="there is no catalog at"):
        redub.open(f"{ran.catalog.root}-elsewhere")
