"""`redub demo` and `redub render`: renders people of the procedural world, and rebuilds a dataset from them."""

from collections.abc import Sequence
from pathlib import Path

from flows.demo.corpus import SEED, finish_corpus, name_of
from flows.demo.editing import compare, dub_one, train_editor
from flows.demo.takes import render_takes, write_manifest
from flows.foreground.checked import rebuild_checked
from flows.foreground.training import train_in_foreground
from flows.looking.rows import Order
from flows.looking.stage_sheet import Written, stage_sheet
from flows.recipe_files import load_world
from flows.terminal.console import console
from storage.ledger.catalog import Catalog

NEXT = (
    ("redub sheet pairscores --lowest identity", "the pairs, the worst first"),
    ("redub whatif --identity 0.8", "how many more another limit would let in"),
    ("redub sheet verdict --only rejected", "what was thrown out, and why"),
    ("redub status", "what is in the catalog"),
    ("redub trace bad_frozen.mp4", "what made an item, or why it was rejected"),
    ("redub runs", "trainings, and how each went"),
    ("redub quarantine list", "what failed, and how to try again"),
)


A_LITTLE = (
    "init=mini:generator", "steps=12", "batch=4", "save_every=12", "validate_on=4",
    "optimizer.rate=2e-4", "optimizer.matrix_rate=4e-4", "optimizer.warmup=4",
)  # fmt: skip
"""A training of a minute or so: the shipped generator, on the version that was just made."""


def run_demo(
    folder: Path, catalog: str, people: int, takes: int, overrides: Sequence[str], recipe: str, profile: str
) -> bool:
    """False when a person stopped it."""
    videos = folder / "videos"
    console.print(f"Rendering {people * takes} videos of {people} people into {videos} ...")
    spec = f"world:people={people},takes={takes},seed={SEED}"
    lines = render_takes(spec, folder, load_world(), profile, name_of)
    if lines is None:
        return False
    console.print("Spoiling copies of some of them, each in another way ...")
    finish_corpus(videos, lines)
    if rebuild_checked(str(videos), catalog, recipe, overrides, profile) is None:
        return False
    pairs, masks = pictures(Catalog(catalog), folder)
    console.print("\nTraining the shipped generator a little, on this version ...")
    if not train_in_foreground("generator", catalog, "", "mini", A_LITTLE, profile, "", as_json=False):
        return False
    if not train_editor(catalog, profile):
        return False
    console.print()
    compare()
    console.print("\nDubbing a clip that nothing has learned from with what another one says ...")
    say_what_next(catalog, pairs, masks, dub_one(catalog, folder / "dub"))
    return True


def pictures(catalog: Catalog, folder: Path) -> tuple[Written, Written]:
    """The pairs, as a contact sheet and as a mosaic that plays; and what is known of each face."""
    pairs = stage_sheet(
        catalog, "pairscores", folder / "pairs.png", folder / "pairs.mp4",
        columns=("identity", "lip_distance", "speakers.speaker", "speakers.split"), pictures=("companion",),
        order=Order("identity"),
    )  # fmt: skip
    masks = stage_sheet(
        catalog, "facemask", folder / "masks.png", None,
        columns=("captions.answer", "occluders.covered_share", "jaw_max"),
        pictures=("captions", "occluders", "facemask"),
    )  # fmt: skip
    return pairs, masks


def say_what_next(catalog: str, pairs: Written, masks: Written, dubbed: Path) -> None:
    console.print(
        f"\nLook at {pairs.sheet} ({pairs.mosaic.name if pairs.mosaic else ''} beside it plays): clips, what\n"
        "was painted of each, its companion with other lips, and the difference; the least alike first.\n"
        f"And at {masks.sheet}: what covers each face, and what may be repainted.\n"
        f"Play {dubbed}: a clip as it was filmed, and as the editor has it say something else.\n"
        f"Then try, each with -c {catalog}:\n"
    )
    for command, what in NEXT:
        console.print(f"  {command:<41} {what}", soft_wrap=True)
    console.print("  redub serve                               the Prefect UI (needs no -c)")


def render_to_folder(out: Path, takes: str, overrides: Sequence[str], profile: str) -> bool:
    """False when a person stopped it."""
    lines = render_takes(takes, out, load_world(overrides), profile)
    if lines is None:
        return False
    write_manifest(out / "videos", lines)
    console.print(
        f"{len(lines)} videos in {out / 'videos'}; next: `redub rebuild -r world --source {out / 'videos'}`"
    )
    return True
