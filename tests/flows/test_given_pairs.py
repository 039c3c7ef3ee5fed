"""A rebuild of rendered pairs: what `redub render --pairs` writes becomes pairs without any generator."""

from pathlib import Path

import pytest

from flows.demo.takes import write_manifest, write_take
from flows.recipe_files import load_recipe
from flows.run.driver import Rebuild
from flows.run.graph import nodes_of, stages_of
from flows.run.request import Request
from infra.profiles import load_profile
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.sources.takes import list_takes
from storage.store import Store
from storage.versions.find_person import find_source
from storage.versions.forget import forget
from storage.versions.version import Version, load_version
from tasks.render import Render, RenderConfig

TAKES = "world:people=2,takes=2"
SMALL = RenderConfig(
    width=128, height=96, min_seconds=2.0, max_seconds=2.0, occluded=0.0, close=0.0, pairs=True
)
SETTINGS = (
    "companion.generator=''", "hearing=off", "relight=off", "pairverdict.identity=-1.0", "pairverdict.lip_distance=0.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four takes: two are rendered pairs, one has lost its other half's picture, one never had another half."""
    out = tmp_path_factory.mktemp("rendered")
    render = Render(SMALL)
    render.setup(Store())
    lines = [write_take(out, vars(made.rows[0])) for made in render(list_takes(TAKES))]  # type: ignore[union-attr]
    (out / "dubs" / "world0-001_00.mp4").write_text("no video\n")
    del lines[3]["companion"]
    write_manifest(out / "videos", lines)
    return out


@pytest.fixture(scope="module")
def built(out: Path) -> tuple[Catalog, Version]:
    return rebuild(out)


def rebuild(out: Path) -> tuple[Catalog, Version]:
    request = Request(
        str(out / "videos"),
        str(out / "catalog"),
        load_recipe("world", SETTINGS),
        "world",
        load_profile("laptop"),
    )
    with Rebuild(request) as run:
        run.prepare()
        run.start()
        run.wait("companion")
        run.wait(run.nodes[-1].name)
        return run.catalog, run.publish()


def companions(catalog: Catalog) -> dict[str, tuple[str, str | None, str | None]]:
    """File's name -> how its row of the stage ended, why not, and of which origin it is."""
    clips = {r["item_id"]: Path(r["uri"]).stem for r in rows(catalog, "ingest", ["item_id", "uri"])}
    found = rows(catalog, "companion", ["item_id", "status", "code", "origin"])
    return {clips[r["item_id"]]: (r["status"], r["code"], r["origin"]) for r in found}


def rows(catalog: Catalog, stage: str, columns: list[str]) -> list[dict[str, str]]:
    return open_table(catalog, stage).to_table(columns=columns).to_pylist()


def test_rendered_pairs_are_published_and_the_rest_says_why_not(
    out: Path, built: tuple[Catalog, Version]
) -> None:
    catalog, version = built
    assert companions(catalog) == {
        "world0-000_00": ("ok", None, "rendered"),
        "world0-000_01": ("ok", None, "rendered"),
        "world0-001_00": ("rejected", "companion_not_media", None),
        "world0-001_01": ("rejected", "no_generator", None),
    }
    members = load_version(catalog, version.tag)[1].to_table().to_pylist()
    assert len(members) == 2
    for member in members:
        assert member["companion_origin"] == "rendered"
        assert member["partner_how"] == "given"
        assert member["partner_partner"] == member["item_id"]
        name = Path(member["ingest_uri"]).name
        assert member["ingest_companion"] == str(out / "dubs" / name)


def test_again_nothing_is_computed_and_the_same_recipe_has_the_same_names(
    out: Path, built: tuple[Catalog, Version]
) -> None:
    catalog, version = built
    assert rebuild(out)[1].tag == version.tag
    nodes = nodes_of(stages_of(load_recipe("world", SETTINGS)))
    named = {r["fingerprint"] for r in rows(catalog, "companion", ["fingerprint"])}
    assert named == {next(n.fingerprint for n in nodes if n.name == "companion")}


def test_forgetting_a_source_takes_its_companion_with_it(out: Path, built: tuple[Catalog, Version]) -> None:
    catalog, version = built
    video, dub = (out / folder / "world0-000_00.mp4" for folder in ("videos", "dubs"))
    found = find_source(catalog, str(video))
    assert found.counts["companion"] == 1
    assert set(found.uris) == {str(video), str(dub)}
    assert find_source(catalog, "dubs/world0-000_00.mp4").items == found.items, "either half names the pair"
    assert found.versions == {version.tag: 1}
    forget(catalog, found)
    assert "world0-000_00" not in companions(catalog)
    assert load_version(catalog, version.tag)[1].count_rows() == 1
    assert not any(dub.name.encode() in f.read_bytes() for f in (out / "catalog").rglob("*") if f.is_file())


def test_the_other_half_of_what_was_forgotten_does_not_come_back_by_itself(
    out: Path, built: tuple[Catalog, Version]
) -> None:
    catalog, _ = built
    (out / "videos" / "manifest.csv").write_text(
        "uri,speaker,licence,consent\n../dubs/world0-000_00.mp4,a,CC0-1.0,no real person\n"
        "world0-000_01.mp4,a,CC0-1.0,no real person\n"
    )
    rebuild_listing = Rebuild(
        Request(
            str(out / "videos"), str(out / "catalog"), load_recipe("world"), "world", load_profile("laptop")
        )
    )
    with rebuild_listing as run:
        plan = run.prepare()
    assert plan.refused_sources >= 1
    refused = rows(catalog, "sources", ["uri", "code"])
    assert [r["code"] for r in refused if r["uri"].startswith("forgotten:")] == ["forgotten"] * 2
