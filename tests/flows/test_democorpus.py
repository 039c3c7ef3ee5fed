"""The demo corpus: good files pass, bad ones don't, and making it twice changes nothing."""

import hashlib
from pathlib import Path

import pytest

from flows.democorpus import BROKEN, MARKER, make_corpus
from storage.listing import SourceError
from storage.sources import list_sources
from storage.store import Store
from tasks.probe import Probe
from tasks.quality import Quality, QualityInput
from tasks.stage import Rejected
from tasks.verdict import Verdict, VerdictInput
from tests.media_files import narrow


def contents(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("demo") / "corpus", n=40)


def outcomes(folder):
    """File name -> (code, split): '' when accepted."""
    store = Store()
    listing = list_sources(str(folder), store)
    found = {Path(source.uri).name: (code, "") for source, code, _ in listing.rejected}
    stages = Probe(), Quality(), Verdict()
    for stage in stages:
        stage.setup(store)
    for source in listing.sources:
        (result,) = stages[0]([source])
        if not isinstance(result, Rejected):
            (row,) = result.rows
            (scores,) = stages[1]([narrow(QualityInput, row)])
            (result,) = stages[2]([narrow(VerdictInput, scores, row)])
        failed = isinstance(result, Rejected)
        found[Path(source.uri).name] = (result.code, "") if failed else ("", result.split)
    return found


def test_exactly_the_broken_files_are_refused(corpus):
    found = outcomes(corpus)
    assert len(found) == 40
    assert {name for name, (code, _) in found.items() if code} == set(BROKEN)
    assert {code for code, _ in found.values() if code} == {
        "empty", "frozen_share", "broken", "silence_share", "not_media",
        "dark_share", "playlist", "duplicate", "no_audio", "no_video",
    }  # fmt: skip
    assert {split for code, split in found.values() if not code} == {"train", "val", "test"}


def test_it_has_a_manifest_with_speakers_and_licences(corpus):
    sources = list_sources(str(corpus), Store(), compare=False).sources
    assert len({source.speaker for source in sources}) >= 6
    assert {(source.licence, source.consent) for source in sources} == {("CC0", "synthetic")}
    assert any(not source.uri.isascii() for source in sources)


def test_it_is_deterministic_idempotent_and_never_overwrites(tmp_path):
    first = make_corpus(tmp_path / "a", n=6, seed=3)
    before = {p: p.stat().st_mtime_ns for p in first.iterdir()}
    assert make_corpus(tmp_path / "a", n=6, seed=3) == first
    assert {p: p.stat().st_mtime_ns for p in first.iterdir()} == before
    assert contents(make_corpus(tmp_path / "b", n=6, seed=3)) == contents(first)
    other = contents(make_corpus(tmp_path / "c", n=6, seed=4))
    assert other["amal_00.mp4"] != contents(first)["amal_00.mp4"]
    with pytest.raises(SourceError, match="holds a demo of other settings"):
        make_corpus(tmp_path / "a", n=7, seed=3)
    assert (first / MARKER).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]
