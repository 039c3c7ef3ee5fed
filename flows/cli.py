"""The `redub` command. Heavy libraries are imported by the commands that need them, so that help is quick."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import dub, environment, inspect, networks, review
from flows.options import (
    CATALOG,
    CatalogOption,
    ConsentOption,
    LicenceOption,
    ProfileOption,
    RecipeOption,
    SetOption,
    SourceOption,
)

if TYPE_CHECKING:
    from flows.sheets import Written

app = typer.Typer(
    help="Build the training data for visual dubbing, from videos to a published dataset version.\n\n"
    "Start with `redub demo`. Then `redub plan --source FOLDER` says what a rebuild would cost, and "
    "`redub rebuild --source FOLDER` does it. Whatever is interrupted, the same command goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(dub.app)
app.add_typer(inspect.app)
app.add_typer(networks.app, name="models")
app.add_typer(review.app, name="review")

DEMO = environment.DATA / "demo"


def main() -> None:
    """Known problems end in one sentence that says what to do; everything else keeps its traceback."""
    environment.prepare()
    from flows.errors import RecipeError, ServeError
    from infra.engine.jobs import EngineError
    from infra.profiles import ProfileError
    from models.weights.references import ModelError
    from storage.errors import StorageError
    from storage.ledger.lock import CatalogBusy
    from storage.sources import SourceError

    try:
        app()
    except (
        RecipeError,
        ModelError,
        ProfileError,
        SourceError,
        StorageError,
        CatalogBusy,
        EngineError,
        ServeError,
    ) as error:
        from rich.markup import escape

        from flows.view import problems

        problems.print(f"[red]redub:[/] {escape(str(error))}", markup=True, soft_wrap=True)
        sys.exit(1)


@app.command()
def demo(
    catalog: CatalogOption = str(DEMO / "catalog"),
    people: Annotated[int, typer.Option(min=1, help="How many people of the procedural world.")] = 8,
    takes: Annotated[int, typer.Option(min=1, help="Videos of each.")] = 3,
    set_: SetOption = None,
    recipe: RecipeOption = "mini",
    profile: ProfileOption = "laptop",
) -> None:
    """Render some talking people, spoil a few of the videos, and run a whole rebuild on them."""
    from flows.democorpus import SEED, finish_corpus, name_of
    from flows.recipes import load_world
    from flows.view import console
    from flows.world import render_takes

    folder = DEMO / "videos"
    console.print(f"Rendering {people * takes} videos of {people} people into {folder} ...")
    spec = f"world:people={people},takes={takes},seed={SEED}"
    lines = render_takes(spec, DEMO, load_world(), profile, name_of)
    if lines is None:
        raise typer.Exit(130)
    finish_corpus(folder, lines)
    _rebuild(str(folder), catalog, recipe, set_, profile, "", "")
    clips, masks = _looks(catalog, DEMO)
    console.print(
        f"\nLook at {clips.sheet} ({clips.mosaic.name if clips.mosaic else ''} beside it plays), and at\n"
        f"{masks.sheet}: what covers each face, and what may be repainted.\n"
        f"Then try, each with -c {catalog}:\n"
    )
    for command, what in (
        ("redub sheet ingest", "the clips: a picture, and a video"),
        ("redub sheet verdict --only rejected", "what was thrown out, and why"),
        ("redub status", "what is in the catalog"),
        ("redub trace bad_frozen.mp4", "what made an item, or why it was rejected"),
        ("redub quarantine list", "what failed, and how to try again"),
    ):
        console.print(f"  {command:<36} {what}", soft_wrap=True)
    console.print("  redub serve                          the Prefect UI (needs no -c)")


@app.command()
def render(
    out: Annotated[Path, typer.Argument(help="Folder for the videos, their truth and a manifest.")],
    takes: Annotated[
        str,
        typer.Option(
            "--takes", "-t",
            help="`world:people=8,takes=3,seed=0`, or a glob of take.json files that Unreal Engine, Blender "
            "or the like have written (the format: tasks/studio.py).",
        ),
    ] = "world:people=8,takes=3",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Render every take of the world with other speech, too.")
    ] = False,
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
) -> None:  # fmt: skip
    """Make videos whose truth is known, and aligned pairs in which only the lips differ.

    OUT/videos with its manifest is then a source: `redub rebuild --source OUT/videos`. OUT/truth says what
    is true of every frame, OUT/dubs holds the other halves of the pairs.
    """
    from flows.recipes import load_world
    from flows.view import console
    from flows.world import render_takes, write_manifest

    recipe = load_world([*(set_ or []), *(["render.pairs=true"] if pairs else [])])
    lines = render_takes(takes, out, recipe, profile)
    if lines is None:
        raise typer.Exit(130)
    write_manifest(out / "videos", lines)
    console.print(f"{len(lines)} videos in {out / 'videos'}; next: `redub rebuild --source {out / 'videos'}`")


@app.command()
def plan(
    source: SourceOption,
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = "mini",
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
    licence: LicenceOption = "",
    consent: ConsentOption = "",
) -> None:
    """What a rebuild would compute, reuse and cost. Reads the tables, writes nothing.

    *compute*: ready now. *expected*: what earlier stages will send on, going by the past. *reused*: done
    with the same code, settings and weights. *held*: in quarantine. Hours come from measured seconds.
    """
    from flows.driver import check_needs
    from flows.planning import make_plan
    from flows.recipes import load_recipe, nodes_of, stages_of
    from flows.view import show_plan
    from infra.profiles import load_profile
    from storage.ledger.catalog import Catalog
    from storage.ledger.forgotten import refuse_forgotten
    from storage.sources import check_rights, list_sources
    from storage.store import Store

    where = load_profile(profile)
    check_needs(where)  # not whether it fits here: a plan for another machine is a good question
    stages = stages_of(load_recipe(recipe, set_ or []))
    tables = Catalog(catalog, Store(dict(where.storage_options)))
    listing = list_sources(source, tables.store, licence, consent)
    refuse_forgotten(tables, listing)
    check_rights(listing)
    show_plan(make_plan(tables, stages, nodes_of(stages), where, listing), where.name)


@app.command()
def rebuild(
    source: SourceOption,
    catalog: CatalogOption = CATALOG,
    recipe: RecipeOption = "mini",
    set_: SetOption = None,
    profile: ProfileOption = "laptop",
    licence: LicenceOption = "",
    consent: ConsentOption = "",
) -> None:
    """Compute what is missing, then publish a dataset version. Run it again to go on after anything.

    Ctrl-C stops cleanly: what is done is committed. A second rebuild of the same catalog is refused.
    """
    _rebuild(source, catalog, recipe, set_, profile, licence, consent)


def _rebuild(
    source: str, catalog: str, recipe: str, set_: list[str] | None, profile: str, licence: str, consent: str
) -> str:
    """Run the flow in this process with live progress; the version's tag."""
    from flows.driver import check_profile
    from flows.recipes import load_recipe
    from infra.profiles import load_profile
    from storage.ledger.catalog import Catalog
    from storage.sources import check_spec
    from storage.store import Store

    what = load_recipe(recipe, set_ or [])  # before Prefect starts: a typo should not cost ten seconds
    where = load_profile(profile)
    check_profile(where)
    check_spec(source)
    busy = Catalog(catalog, Store(dict(where.storage_options))).holder()
    if busy is not None:  # said now, not after Prefect has started
        raise busy
    from flows.foreground import run_in_foreground

    version = run_in_foreground(
        sources=source, catalog=catalog, recipe=what, recipe_name=recipe, profile=profile,
        rights={"licence": licence, "consent": consent},
    )  # fmt: skip
    if version is None:
        raise typer.Exit(130)
    return version


def _looks(catalog: str, folder: Path) -> tuple["Written", "Written"]:
    """What was accepted, as a contact sheet and as a mosaic that plays; and what is known of each face."""
    from flows.sheets import stage_sheet
    from storage.ledger.catalog import Catalog

    tables = Catalog(catalog)
    clips = stage_sheet(
        tables, "speakers", folder / "sheet.png", folder / "clips.mp4",
        columns=("speaker", "split"), pictures=("ingest",),
    )  # fmt: skip
    masks = stage_sheet(
        tables, "facemask", folder / "masks.png", None,
        columns=("captions.answer", "occluders.covered_share", "jaw_max"),
        pictures=("captions", "occluders", "facemask"),
    )  # fmt: skip
    return clips, masks


@app.command()
def doctor(
    recipe: RecipeOption = "mini",
    profile: ProfileOption = "laptop",
    catalog: CatalogOption = CATALOG,
) -> None:
    """Check that this machine can run a recipe on a profile, and say how to get what is missing."""
    from flows.doctor import examine

    if not examine(recipe, profile, catalog):
        raise typer.Exit(1)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Beyond this machine it needs PREFECT_SERVER_API_AUTH_STRING."
        ),
    ] = "127.0.0.1",
) -> None:
    """Prefect server, UI and a worker here, with the deployments of prefect.yaml. Ctrl-C ends both."""
    from flows.serve import serve as run_server

    run_server(host, port)
