"""The demo's corpus through the whole recipe: good takes pass, spoilt ones don't, each for its own reason."""

import hashlib
from pathlib import Path

import pytest

from flows.demo.corpus import BROKEN, SHORT, make_corpus
from flows.recipes import RECIPES
from flows.run.graph import stages_of
from storage.sources import list_sources
from storage.store import Store
from storage.versions.lineage import trace
from storage.versions.version import load_version
from tests.toy.inline import Ran, run_inline

REASONS = {
    "bad_empty.mp4": "empty",
    "bad_frozen.mp4": "frozen",
    "bad_truncated.mp4": "broken",
    "bad_silent.mp4": "near_silence",
    "bad_text.mp4": "not_media",
    "bad_dark.mp4": ("no_face", "exposure", "dark_share"),
    "bad_playlist.m3u8": "playlist",
    "zz_copy.mp4": "duplicate",
    "bad_no_sound.mp4": "no_audio",
    "bad_only_sound.wav": "no_video",
    "bad_no_face.mp4": "no_face",
    "bad_out_of_sync.mp4": "out_of_sync",
}


CLIPS = RECIPES["world"].model_copy(update={"companion": None})
"""One take of each person: nobody has another utterance, so there are no pairs."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("demo")
    make_corpus(folder / "videos", people=6, takes=1, min_seconds=2.4, max_seconds=2.8)
    return run_inline(folder / "videos", folder / "catalog", stages_of(CLIPS), batch=1)


def test_good_takes_pass_whole_and_under_their_speaker(ran: Ran) -> None:
    rows = load_version(ran.catalog, ran.version.tag)[1].to_table().to_pylist()
    assert {row["speakers_speaker"] for row in rows} == {f"world0-{i:03d}" for i in range(6)}
    files = {Path(row["ingest_uri"]).name for row in rows}
    assert len(files) == 6
    assert not files & set(BROKEN)
    assert ran.version.manifest["licences"] == {"CC0-1.0": len(rows)}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_each_spoilt_file_is_refused_for_its_own_reason(ran: Ran, name: str) -> None:
    found = trace(ran.catalog, name)
    said = {step.row["code"] for step in found.steps if step.row["status"] == "rejected"}
    expected = REASONS[name]
    assert said & ({expected} if isinstance(expected, str) else set(expected)), said


def test_it_is_deterministic_and_leaves_right_files_alone(tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, str]:
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}

    first = make_corpus(tmp_path / "a" / "videos", people=1, takes=2, broken=4, **SHORT)
    before = {p: p.stat().st_mtime_ns for p in first.iterdir()}
    make_corpus(tmp_path / "a" / "videos", people=1, takes=2, broken=4, **SHORT)
    assert {p: p.stat().st_mtime_ns for p in first.iterdir()} == before
    assert contents(make_corpus(tmp_path / "b" / "videos", people=1, takes=2, broken=4, **SHORT)) == contents(
        first
    )
    listing = list_sources(str(first), Store())
    assert any(not source.uri.isascii() for source in listing.sources)
    assert {source.consent for source in listing.sources} == {"no real person"}
