"""Sources that were moved or touched lead to rows that are there already: nobody may lose them on the way."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.run.graph import nodes_of
from infra.engine.jobs import Done
from storage.errors import StorageError
from storage.ledger import quarantine
from storage.ledger.selection import select
from storage.versions.diff import diff
from storage.versions.publish import publish
from storage.versions.version import load_version, tags
from tests.toy.inline import Ran, run_inline, toy_stages, write_words

FILES = {f"f{n}": "\n".join(f"line {n} {'x' * k}" for k in range(4)) for n in range(6)}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return write_words(tmp_path / "words", **FILES)


def rebuild(words: Path, catalog: str = "catalog", **settings: float) -> Ran:
    return run_inline(words, words.parent / catalog, toy_stages(**settings))


def touch(files: list[Path]) -> None:
    for file in files:
        os.utime(file, ns=(1, file.stat().st_mtime_ns + 1_000_000_000))


def everything(words: Path) -> list[Path]:
    return sorted(words.iterdir())


def a_random_half(words: Path) -> list[Path]:
    return random.Random(3).sample(everything(words), len(FILES) // 2)


def texts(ran: Ran, tag: str = "") -> list[str]:
    rows = load_version(ran.catalog, tag or ran.version.tag)[1].to_table()
    return sorted(rows["lines_text"].to_pylist())


@pytest.mark.parametrize("which", [everything, a_random_half])
@pytest.mark.parametrize("settings", [{"at_least": 9.0}, {"scale": 2.0}, {"scale": 2.0, "at_least": 18.0}])
def test_touched_sources_and_new_settings_in_one_run_lose_nothing(
    words: Path, which: Callable[[Path], list[Path]], settings: dict[str, float]
) -> None:
    wanted = texts(rebuild(words, "untouched", **settings))
    rebuild(words)
    touch(which(words))
    again = rebuild(words, **settings)
    assert texts(again) == wanted
    assert again.computed["lines"] == len(which(words))
    assert again.computed["length"] == (24 if "scale" in settings else 0), "known rows are not computed again"
    assert again.computed["long"] == 24
    assert not any(row["pending"] for row in again.version.manifest["funnel"])


def test_sources_that_all_moved_lose_nothing(words: Path) -> None:
    wanted = texts(rebuild(words, "untouched", at_least=9))
    rebuild(words)
    words.rename(words.parent / "elsewhere")
    moved = run_inline(words.parent / "elsewhere", words.parent / "catalog", toy_stages(at_least=9))
    assert texts(moved) == wanted
    assert diff(moved.catalog, "v1", "v2").reasons() == {"long: rejected, short": 12}


def test_a_kill_in_between_loses_nothing(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = texts(rebuild(words, "untouched", scale=2.0, at_least=18))
    rebuild(words)
    touch(everything(words))
    with monkeypatch.context() as broken:
        broken.setattr("tests.toy.inline.run_job", dying_at("length"))
        with pytest.raises(KeyboardInterrupt):
            rebuild(words, scale=2.0, at_least=18)
    touch(a_random_half(words))
    assert texts(rebuild(words, scale=2.0, at_least=18)) == wanted


def dying_at(stage: str) -> Callable[..., None]:
    from tests.toy.inline import run_job

    def run(job, batch):  # type: ignore[no-untyped-def]
        if job.name == stage:
            worker = job.make_worker()
            job.sink([Done(item, result, 0.1) for item, result in worker(job.feed.take(2))])
            raise KeyboardInterrupt
        run_job(job, batch)

    return run


def test_a_held_item_whose_source_moved_stays_held_and_can_be_tried_again(words: Path) -> None:
    write_words(words, bad="poison\nantidote")
    ran = rebuild(words)
    (held,) = quarantine.held(ran.catalog, ran.nodes)
    touch(everything(words))
    assert rebuild(words).computed["length"] == 0
    quarantine.retry(ran.catalog, ran.nodes, [held], "person")
    touch(everything(words))
    assert rebuild(words).computed["length"] == 1
    (again,) = quarantine.held(ran.catalog, ran.nodes)
    assert again["revision"] == 2, "what came of the retry is written down"


def test_no_version_is_published_while_something_is_pending(words: Path) -> None:
    ran = rebuild(words)
    other = nodes_of(toy_stages(at_least=3))
    chosen = select(ran.catalog, other, ran.chosen["sources"].ok["item_id"])
    with pytest.raises(StorageError, match=r"24 at long.*run the same command again"):
        publish(ran.catalog, other, chosen, {})
    assert tags(ran.catalog) == ["v1"]


def test_rows_that_an_older_version_left_pending_are_not_said_to_be_unlisted(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions of before are still in catalogs: with some items not computed, and a funnel that says so."""
    rebuild(words)
    with monkeypatch.context() as before:
        before.setattr("storage.versions.publish._refuse_pending", lambda *_: None)
        before.setattr("tests.toy.inline.run_job", only_two_of("long"))
        ran = rebuild(words, at_least=3)
    assert ran.version.manifest["funnel"][-1]["pending"] == 22
    assert diff(ran.catalog, "v1", "v2").reasons() == {
        "its source is no longer listed, or it was still to be computed when v2 was published": 22
    }


def only_two_of(stage: str) -> Callable[..., None]:
    from tests.toy.inline import run_job

    def run(job, batch):  # type: ignore[no-untyped-def]
        if job.name == stage:
            worker = job.make_worker()
            job.sink([Done(item, result, 0.1) for item, result in worker(job.feed.take(2))])
        else:
            run_job(job, batch)

    return run
