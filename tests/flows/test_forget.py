"""`redub forget`: a person or a source is gone from every file of a catalog, and doesn't come back."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from torch import nn

from flows.terminal.forgetting import forget_one
from models.dit.presets import PRESETS
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.node import SOURCES
from storage.sources import list_sources
from storage.sources.listing import Listing
from storage.store import Store
from storage.trainings.names import run_uri, training_lock
from storage.trainings.writing import start_training
from storage.versions.find_person import find_source, find_speaker
from storage.versions.forget import forget
from storage.versions.lineage import trace
from storage.versions.version import load_version, tags
from tasks.training.loop import train
from tasks.training.objective import Validation
from tests.flows.test_through import stages
from tests.storage.trainings import setup, trained
from tests.tasks.training.toy import TINY, Heard, job
from tests.toy.inline import Ran, run_inline, write_words

SAID_BY = {"lines": "speaker"}
SECRET = "kimsecret"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Kim's words in a source of her own; Ana's name hers through the column `partner`, as the next line does."""
    folder = write_words(tmp_path / "words", a="one\ntwo\nthree", k=f"{SECRET} five\n{SECRET} four")
    (folder / "manifest.csv").write_text("uri,speaker\na.txt,Ana\nk.txt,Kim\n")
    return folder


def rebuild(words: Path, **settings: str) -> Ran:
    return run_inline(words, words.parent / "catalog", stages(**settings))


def holding(root: Path, text: str) -> list[str]:
    return sorted(
        str(f.relative_to(root)) for f in root.rglob("*") if f.is_file() and text.encode() in f.read_bytes()
    )


def texts(ran: Ran, tag: str) -> list[str]:
    return sorted(load_version(ran.catalog, tag)[1].to_table()["duet_both"].to_pylist())


def by_speaker(catalog: Catalog):  # type: ignore[no-untyped-def]
    return find_speaker(catalog, "Kim", SAID_BY)


def by_source(catalog: Catalog):  # type: ignore[no-untyped-def]
    return find_source(catalog, "k.txt")


@pytest.mark.parametrize("find", [by_speaker, by_source])
def test_nothing_of_it_is_left_in_any_file(words: Path, find: Callable) -> None:  # type: ignore[type-arg]
    rebuild(words)
    ran = rebuild(words, between=" & ")
    root = words.parent / "catalog"
    before = {tag: texts(ran, tag) for tag in ("v1", "v2")}
    assert len(holding(root, SECRET)) > 3, "the test can tell"
    (root / "review").mkdir()
    (root / "review" / "index.html").write_text(SECRET)
    found = find(ran.catalog)
    assert found.counts == {"sources": 1, "lines": 2, "length": 2, "partner": 3, "duet": 6}
    assert found.versions == {"v1": 3, "v2": 3}
    assert {tag: texts(ran, tag) for tag in ("v1", "v2")} == before, "finding deletes nothing"
    forget(ran.catalog, found)
    assert holding(root, SECRET) == []
    for tag in ("v1", "v2"):
        assert texts(ran, tag) == [both for both in before[tag] if SECRET not in both] != []
        manifest = load_version(ran.catalog, tag)[0].manifest
        assert manifest["rows"] == 2 == sum(manifest["splits"].values()) == manifest["licences"]["CC0"]
        (gone,) = manifest["forgotten"]
        assert (gone["rows"], gone["what"]) == (3, "speaker" if find is by_speaker else "source")
    assert tags(ran.catalog) == ["v1", "v2"]


def test_what_others_made_with_it_is_made_anew_without_it(words: Path) -> None:
    ran = rebuild(words)
    forget(ran.catalog, by_speaker(ran.catalog))
    (words / "k.txt").unlink()
    (words / "manifest.csv").write_text("uri,speaker\na.txt,Ana\n")
    after = rebuild(words)
    assert after.computed["lines"] == 0
    assert after.computed["partner"] == 1, "the one that had named hers chooses again"
    assert not any(SECRET in both for both in texts(after, after.version.tag))
    assert holding(words.parent / "catalog", SECRET) == []


@pytest.mark.parametrize("find", [by_speaker, by_source])
def test_it_does_not_come_back_though_its_file_is_listed(words: Path, find: Callable) -> None:  # type: ignore[type-arg]
    ran = rebuild(words)
    forget(ran.catalog, find(ran.catalog))
    os.utime(words / "k.txt", ns=(1, 1))
    after = rebuild(words)
    assert not any(SECRET in both for both in texts(after, after.version.tag))
    refused = after.catalog.table(after.chosen["sources"].node).select(
        "status = 'rejected'", ["reason", "uri", "code"]
    )
    (row,) = refused.to_pylist()
    assert row["code"] == "forgotten"
    assert "is still listed: take it out" in row["reason"]
    assert row["uri"].startswith("forgotten:")
    assert holding(words.parent / "catalog", "Kim") == []


def test_the_same_content_under_another_name_is_refused(words: Path) -> None:
    ran = rebuild(words)
    forget(ran.catalog, by_source(ran.catalog))
    (words / "k.txt").rename(words / "other.txt")
    (words / "manifest.csv").write_text("uri,speaker\na.txt,Ana\nother.txt,Somebody\n")
    after = rebuild(words)
    assert holding(words.parent / "catalog", SECRET) == []
    lines = after.catalog.table(after.nodes[0]).select("status = 'rejected'", ["code", "reason"]).to_pylist()
    assert [row["code"] for row in lines] == ["forgotten", "forgotten"]
    assert after.version.manifest["rows"] == 2


def test_a_copy_that_was_refused_is_forgotten_with_it_and_its_name_stays_unwritten(words: Path) -> None:
    (words / "z copy of k.txt").write_bytes((words / "k.txt").read_bytes())
    (words / "manifest.csv").write_text("uri,speaker\na.txt,Ana\nk.txt,Kim\n")
    ran = rebuild(words)
    refused = ran.catalog.table(SOURCES).select("status = 'rejected'", ["reason"])["reason"].to_pylist()
    assert [str(words / "k.txt") in reason for reason in refused] == [True]
    forget(ran.catalog, by_speaker(ran.catalog))
    assert holding(words.parent / "catalog", "k.txt") == []
    rebuild(words)
    assert holding(words.parent / "catalog", SECRET) == []
    assert holding(words.parent / "catalog", "/k.txt") == []


@pytest.mark.parametrize("place", range(5))
def test_killed_half_way_the_same_command_goes_on(
    words: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    ran = rebuild(words)
    calls = []

    def dying(*given):  # type: ignore[no-untyped-def]
        calls.append(given)
        if len(calls) == place + 1:
            raise KeyboardInterrupt
        from storage.versions.garbage import drop_rows

        drop_rows(*given)

    with monkeypatch.context() as broken:
        broken.setattr("storage.versions.forget.drop_rows", dying)
        with pytest.raises(KeyboardInterrupt):
            forget(ran.catalog, by_speaker(ran.catalog))
    between = rebuild(words)
    assert not any(SECRET in both for both in texts(between, between.version.tag)), (
        "even before it is through"
    )
    forget(ran.catalog, by_speaker(ran.catalog))
    assert holding(words.parent / "catalog", SECRET) == []
    assert holding(words.parent / "catalog", "Kim") == []


def test_in_a_source_with_others_only_a_part_goes(words: Path) -> None:
    (words / "manifest.csv").write_text("uri,speaker\na.txt,Ana\n")
    ran = rebuild(words)
    speakers = {
        row["text"]: row["item_id"] for row in open_table(ran.catalog, "lines").to_table().to_pylist()
    }
    said_by = {"duet": "both"}  # a column that differs by line stands for who is seen
    name = next(b for b in texts(ran, "v1") if b.startswith("two"))
    found = find_speaker(ran.catalog, name, said_by)
    assert found.uris == ()
    assert found.shared == (str(words / "a.txt"),)
    assert speakers["two"] in found.items
    assert speakers["one"] not in found.items


def test_a_name_that_is_not_there_is_answered_with_those_that_are(words: Path) -> None:
    ran = rebuild(words)
    with pytest.raises(StorageError, match=r"nobody in .* is called 'Kom'; known are Ana, Kim"):
        find_speaker(ran.catalog, "Kom", SAID_BY)
    with pytest.raises(StorageError, match=r"names? one source of .*, and 2 end so: .*a\.txt"):
        find_source(ran.catalog, ".txt")
    with pytest.raises(StorageError, match="none ends so"):
        find_source(ran.catalog, "nowhere.txt")


def test_without_yes_nothing_is_deleted_and_with_it_all_is_said(
    words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = rebuild(words)
    forget_one(ran.catalog.root, "", "k.txt", yes=False)
    said = capsys.readouterr().out
    assert "version v1: 3 rows; whatever was trained on it has seen them" in said
    assert "Nothing deleted yet" in said
    assert trace(ran.catalog, "k.txt").steps
    forget_one(ran.catalog.root, "", "k.txt", yes=True)
    assert "sheets, renderings, review pages" in capsys.readouterr().out
    with pytest.raises(StorageError):
        trace(ran.catalog, "k.txt")
    with pytest.raises(StorageError, match="--speaker NAME"):
        forget_one(ran.catalog.root, "", "", yes=False)


def test_listing_twice_counts_the_forgotten_once(words: Path) -> None:
    from storage.ledger.forgotten import refuse_forgotten

    ran = rebuild(words)
    forget(ran.catalog, by_source(ran.catalog))
    listing: Listing = list_sources(str(words), Store(), "CC0", "signed")
    refuse_forgotten(ran.catalog, listing)
    assert [(s.uri.partition(":")[0], code) for s, code, _ in listing.rejected] == [
        ("forgotten", "forgotten")
    ]


@dataclass
class Looking:
    """A validator that keeps a picture of a row of its version, as real ones do of a clip."""

    catalog: Catalog
    tag: str
    higher_is_better: bool = True

    def __call__(self, net: nn.Module, step: int) -> Validation:
        (row,) = (
            load_version(self.catalog, self.tag)[1]
            .to_table(filter=f"contains(duet_both, '{SECRET}')", limit=1)
            .to_pylist()
        )
        return Validation({"quality": 1.0}, {"clips.png": row["duet_both"].encode()})


def trained_on(ran: Ran, run: str, data: str) -> Path:
    """A real training of a tiny network, whose validation draws what the version holds. Its folder."""
    folder = Path(run_uri(ran.catalog, run))
    trained(ran.catalog, run, data=data)
    train(replace(job(folder), validator=Looking(ran.catalog, data)), Heard())
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard" / "events").write_text(SECRET)
    return folder


def test_of_three_versions_and_a_training_nothing_is_left_and_the_training_is_named(
    words: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    rebuild(words)
    rebuild(words, between=" & ")
    ran = rebuild(words, between=" / ")
    assert tags(ran.catalog) == ["v1", "v2", "v3"]
    seen, other = trained_on(ran, "gen-a", "v2"), Path(run_uri(ran.catalog, "gen-b"))
    trained(ran.catalog, "gen-b", data="world:people=8")
    (other / "samples").mkdir()
    (other / "samples" / "1-clips.png").write_text("rendered people")
    root = words.parent / "catalog"
    kept = {f.name for f in seen.rglob("*") if "step-" in str(f)}
    tables = {place.partition("/")[0] for place in holding(root, SECRET)}
    assert tables >= {"lines.lance", "duet.lance", "dataset.lance", "trainings"}, "the test can tell"
    forget_one(ran.catalog.root, "Kim", "", yes=True)
    said = capsys.readouterr().out
    assert "training gen-a: its pictures, which may show some of it" in said
    assert "gen-b" not in said
    assert [(place, text) for text in (SECRET, "Kim") for place in holding(root, text)] == []
    assert {f.name for f in seen.rglob("*") if "step-" in str(f)} == kept, "weights stay: they can't unlearn"
    assert (other / "samples" / "1-clips.png").exists()


def test_while_a_training_runs_on_it_nothing_is_deleted(words: Path) -> None:
    ran = rebuild(words)
    with training_lock(ran.catalog, "gen-a"):
        start_training(ran.catalog, setup("gen-a", data="v1"))
        with pytest.raises(StorageError, match="training gen-a is running on data that is to be forgotten"):
            forget(ran.catalog, by_speaker(ran.catalog))
    assert texts(ran, "v1")
    forget(ran.catalog, by_speaker(ran.catalog))
    assert holding(words.parent / "catalog", SECRET) == []
