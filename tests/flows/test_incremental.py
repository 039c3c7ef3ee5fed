"""What is recomputed when something changes, and what is not."""

from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.ledger import quarantine
from storage.ledger.selection import select
from storage.versions.diff import diff
from storage.versions.garbage import collect, find_garbage
from storage.versions.lineage import trace
from storage.versions.version import load_version, tags
from tasks.stage import Stage
from tests.toy.inline import Ran, run_inline, toy_stages, write_words
from tests.toy.stages import Length, Lines, Long, Ordinal


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return write_words(tmp_path / "words", a="alpha\nbeta\nyes", b="gamma\nno\npoison", c="", d="delta")


def rebuild(words: Path, **settings: float) -> Ran:
    return run_inline(words, words.parent / "catalog", toy_stages(**settings))


def test_a_rebuild_publishes_what_was_accepted(words: Path) -> None:
    ran = rebuild(words)
    assert ran.computed == {"lines": 4, "length": 7, "long": 6}
    _, rows = load_version(ran.catalog, "v1")
    assert sorted(rows.to_table()["lines_text"].to_pylist()) == ["alpha", "beta", "delta", "gamma"]
    m = ran.version.manifest
    assert m["licences"] == {"CC0": 4}
    assert m["consent"] == {"signed": 4}
    assert [tuple(r.values()) for r in m["funnel"]] == [
        ("sources", 4, 4, 0, 0, 0),
        ("lines", 4, 7, 1, 0, 0),
        ("length", 7, 6, 0, 1, 0),
        ("long", 6, 4, 2, 0, 0),
    ]


def test_again_nothing_is_computed_and_no_version_is_made(words: Path) -> None:
    rebuild(words)
    again = rebuild(words)
    assert again.before.nothing_to_do
    assert again.computed == {"lines": 0, "length": 0, "long": 0}
    assert not again.version.new
    assert tags(again.catalog) == ["v1"]


def test_a_threshold_recomputes_only_the_verdict(words: Path) -> None:
    rebuild(words)
    changed = rebuild(words, at_least=5)
    assert changed.computed == {"lines": 0, "length": 0, "long": 6}
    assert changed.version.tag == "v2"
    back = rebuild(words)
    assert back.computed == {"lines": 0, "length": 0, "long": 0}, "the old verdicts are still there"


def test_a_new_source_computes_only_its_rows(words: Path) -> None:
    rebuild(words)
    write_words(words, e="epsilon\nalpha")
    more = rebuild(words)
    assert more.computed == {"lines": 1, "length": 1, "long": 1}, "alpha is there from another file"
    assert more.version.manifest["rows"] == 5


def test_a_removed_source_leaves_the_dataset_and_comes_back_for_free(words: Path) -> None:
    rebuild(words)
    (words / "d.txt").unlink()
    assert rebuild(words).version.manifest["rows"] == 3
    write_words(words, d="delta")
    back = rebuild(words)
    assert back.computed["length"] == 0
    assert back.version.manifest["rows"] == 4


def test_a_raised_code_version_recomputes_that_stage_and_what_depends_on_it(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild(words)
    monkeypatch.setattr(Length, "version", 2)
    assert rebuild(words).computed == {"lines": 0, "length": 7, "long": 6}


def test_a_moved_file_is_the_same_items(words: Path) -> None:
    rebuild(words)
    (words / "a.txt").rename(words / "z.txt")
    assert rebuild(words).computed == {"lines": 1, "length": 0, "long": 0}


def test_a_plan_says_it_all_before_and_writes_nothing(words: Path) -> None:
    first = rebuild(words).before
    assert (first.stages[0].compute, first.stages[0].arriving) == (4, 0)
    write_words(words, e="epsilon")
    catalog = rebuild(words, at_least=6).before
    assert [(s.name, s.compute, s.reused, s.held) for s in catalog.stages] == [
        ("lines", 1, 4, 0),
        ("length", 0, 6, 1),
        ("long", 6, 0, 0),
    ]
    assert catalog.bottleneck is not None
    assert catalog.stages[1].measured is not None
    assert catalog.stages[1].measured.seconds == pytest.approx(0.25)


def test_a_quarantined_item_stays_out_until_a_retry_is_asked_for(words: Path) -> None:
    ran = rebuild(words)
    (held,) = quarantine.held(ran.catalog, ran.nodes)
    assert (held["stage"], held["reason"], held["attempts"]) == ("length", "cannot measure 'poison'", 2)
    assert rebuild(words).computed["length"] == 0
    quarantine.retry(ran.catalog, ran.nodes, [held], "person")
    retried = rebuild(words)
    assert retried.before.stages[1].retried == 1
    assert retried.computed["length"] == 1
    (again,) = quarantine.held(ran.catalog, ran.nodes)
    assert again["revision"] == 2, "it failed again, and its history is there"


def test_trace_leads_from_the_source_to_the_version(words: Path) -> None:
    ran = rebuild(words)
    _, rows = load_version(ran.catalog, "v1")
    item = rows.to_table(filter="lines_text = 'delta'")["item_id"][0].as_py()
    found = trace(ran.catalog, item[:8])
    assert found.uris == (str(words / "d.txt"),)
    assert [(s.stage, s.row["status"]) for s in found.steps] == [
        ("sources", "ok"), ("lines", "ok"), ("length", "ok"), ("long", "ok"),
    ]  # fmt: skip
    assert found.versions == ("v1",)
    assert found.steps[2].computation is not None
    assert found.steps[2].computation.config == {"scale": 1.0}


def test_trace_of_a_file_says_why_its_items_were_rejected(words: Path) -> None:
    found = trace(rebuild(words).catalog, "a.txt")
    assert "length 3.0 is below 4.0" in {s.row["reason"] for s in found.steps}


def test_trace_of_nothing_says_what_would_do(words: Path) -> None:
    with pytest.raises(StorageError, match="at least 4 characters"):
        trace(rebuild(words).catalog, "ffffffff")


def test_diff_names_settings_reasons_and_items(words: Path) -> None:
    rebuild(words)
    write_words(words, e="epsilon")
    (words / "d.txt").unlink()
    ran = rebuild(words, at_least=5)
    found = diff(ran.catalog, "v1", "v2")
    assert found.settings == {"long.at_least": (4.0, 5.0)}
    assert len(found.added) == 1
    assert found.reasons() == {"long: rejected, short": 1, "its source is no longer listed": 1}
    assert len(found.recomputed) == 2


def test_an_unknown_version_names_the_known(words: Path) -> None:
    with pytest.raises(StorageError, match="no version 'v7'; it has v1"):
        load_version(rebuild(words).catalog, "v7")


def test_gc_keeps_what_versions_reach(words: Path) -> None:
    ran = rebuild(words)
    rebuild(words, scale=2.0)
    last = rebuild(words, scale=3.0)
    assert not find_garbage(ran.catalog).rows, "all three are published"
    garbage = find_garbage(ran.catalog, keep_versions=1)
    assert garbage.versions == ("v1", "v2")
    assert garbage.rows == {"length": 14, "long": 12}
    collect(ran.catalog, garbage)
    assert tags(ran.catalog) == ["v3"]
    again = rebuild(words, scale=3.0)
    assert again.before.nothing_to_do
    assert not again.version.new
    assert again.version.manifest["content"] == last.version.manifest["content"]
    assert rebuild(words).computed["length"] == 7, "the first settings are gone"


def test_a_version_never_changes(words: Path) -> None:
    ran = rebuild(words)
    before = load_version(ran.catalog, "v1")[1].to_table()
    rebuild(words, scale=2.0)
    (words / "a.txt").unlink()
    rebuild(words, scale=2.0)
    for node in ran.nodes:
        ran.catalog.table(node).maintain()
    assert load_version(ran.catalog, "v1")[1].to_table().equals(before)


def test_a_publish_that_was_killed_half_way_is_done_again(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(
            "storage.versions.publish.write_version", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            rebuild(words)
    ran = rebuild(words, at_least=5)
    assert tags(ran.catalog) == ["v1"]
    assert ran.version.manifest["rows"] == 3
    wanted = {n.name: ran.catalog.table(n).refresh().tags.list()["v1"]["version"] for n in ran.nodes}
    assert wanted["long"] > 1


def test_an_interrupted_run_goes_on_where_it_stopped(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver dies after the first stage's first commit."""
    calls = []

    def die_later(*_: object) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("tests.toy.inline.outcome_of", _dying(die_later))
        with pytest.raises(KeyboardInterrupt):
            run_inline(words, words.parent / "catalog", toy_stages(), batch=1)
    ran = rebuild(words)
    assert ran.computed["lines"] == 3
    assert ran.version.manifest["rows"] == 4
    again = select(ran.catalog, ran.nodes, ran.chosen["sources"].ok["item_id"])
    assert not any(s.todo.num_rows for s in again.values())


def _dying(step: object) -> object:
    from tests.toy.inline import outcome_of

    def outcome(worker: object, work: object) -> object:
        step()  # type: ignore[operator]
        return outcome_of(worker, work)  # type: ignore[arg-type]

    return outcome


def test_a_collective_stage_sees_all_at_once_and_keeps_what_it_said(words: Path) -> None:
    lines, ordinal, long = Lines(), Ordinal(), Long(Long.Config(at_least=0))
    stages: dict[str, Stage] = {s.name: s for s in (lines, Length(), ordinal, long)}

    def numbers(ran: Ran) -> dict[str, int]:
        _, rows = load_version(ran.catalog, ran.version.tag)
        table = rows.to_table()
        return dict(zip(table["lines_text"].to_pylist(), table["ordinal_number"].to_pylist(), strict=True))

    first = numbers(run_inline(words, words.parent / "catalog", stages))
    assert first == {"alpha": 0, "beta": 1, "delta": 2, "gamma": 3, "no": 4, "yes": 6}, (
        "poison is held at length"
    )
    write_words(words, e="aaa\nzzz")
    again = numbers(run_inline(words, words.parent / "catalog", stages))
    assert again == first | {"aaa": 7, "zzz": 8}
