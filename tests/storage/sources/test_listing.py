"""Ids: of a source what was listed makes it one; a refusal has its own, and so neither outlives the other."""

from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES
from storage.ledger.table import Status
from storage.sources import Listing, list_sources, make_source
from tests.storage.sources.listings import STORE, codes, manifest, put


def test_an_id_changes_with_whatever_was_listed():
    base = ("a.mp4", 1, 2, "l", "c", "s")
    ids = {make_source(*base).id}
    for i, other in enumerate(("b.mp4", 9, 9, "x", "x", "x")):
        ids.add(make_source(*base[:i], other, *base[i + 1 :]).id)
    assert len(ids) == 7


def _selected(catalog, listing):
    """Uris that a rebuild of this listing would process: rows of what was listed that are ok."""
    catalog.add_sources(listing, "run")
    states = catalog.table(SOURCES).states(SOURCES.fingerprint)
    ids = {s.id for s in listing.sources} | {s.id for s, _, _ in listing.rejected}
    chosen = [
        (i, s)
        for i, s in zip(states["item_id"].to_pylist(), states["status"].to_pylist(), strict=True)
        if i in ids
    ]
    assert len(chosen) == len(listing.sources) + len(listing.rejected)
    return {i for i, status in chosen if status == str(Status.OK)}


def test_a_contradiction_stops_a_source_that_was_accepted_before_and_ends_when_it_is_resolved(tmp_path):
    put(tmp_path / "a.mp4")
    catalog = Catalog(str(tmp_path / "catalog"))

    def listed(*rows: str) -> Listing:
        return list_sources(manifest(tmp_path, "\n".join(["uri,licence,consent", *rows])), STORE)

    clean = listed("a.mp4,CC0,signed")
    assert len(_selected(catalog, clean)) == 1
    assert _selected(catalog, listed("a.mp4,CC0,signed", "a.mp4,CC-BY,signed", "a.mp4,CC0,signed")) == set()
    assert len(_selected(catalog, listed("a.mp4,CC0,signed", "a.mp4,CC0,signed", "a.mp4,CC0,signed"))) == 1
    assert _selected(catalog, clean) == {clean.sources[0].id}


def test_a_refusal_ends_with_its_cause(tmp_path):
    videos = tmp_path / "videos"
    put(videos / "a.mp4"), put(videos / "b.mp4")
    catalog = Catalog(str(tmp_path / "catalog"))
    both = list_sources(str(videos), STORE, "CC0", "signed")
    assert codes(both) == [("b.mp4", "duplicate")]
    assert len(_selected(catalog, both)) == 1
    (videos / "a.mp4").unlink()
    alone = list_sources(str(videos), STORE, "CC0", "signed")
    assert _selected(catalog, alone) == {alone.sources[0].id}
