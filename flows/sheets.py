"""Contact sheets of published versions, from the posters that the quality stage stored."""

from flows.recipes import STAGES
from storage.catalog import Catalog
from storage.publish import load_version
from storage.sheet import contact_sheet
from storage.table import Table


def version_sheet(catalog: Catalog, tag: str, limit: int = 60) -> bytes:
    """A PNG of a version's members, a poster and a caption each."""
    _, dataset = load_version(catalog, tag)
    rows = dataset.to_table(
        columns=["item_id", "probe_uri", "quality_row", "verdict_split"], limit=limit
    ).to_pylist()
    table = Table(catalog.uri("quality"), STAGES["quality"].Output, catalog.store.options)
    posters = table.read([r["quality_row"] for r in rows], ["poster"])
    captions = [f"{r['probe_uri'].rsplit('/', 1)[-1]} {r['verdict_split']}" for r in rows]
    return contact_sheet([(p["poster"], c) for p, c in zip(posters, captions, strict=True)])
