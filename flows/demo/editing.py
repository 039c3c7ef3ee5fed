"""The demo's end: a few steps of each of the editor's phases, generator and editor side by side, and a dubbed clip."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.table import Table

from flows.foreground.training import train_in_foreground
from flows.terminal.console import console, waiting
from flows.terminal.dubbing import Wanted, dub_file
from models.dit.checkpoint import load
from models.dit.painting import Sampling
from models.dubbing.suited import settings_of
from models.mini.editor.measure import EDITOR, measured, opened, shipped_experts
from models.mini.generator.measure import measured as measured_generator
from models.mini.generator.strangers import FIRST, strangers
from storage.batches.place import Place
from storage.batches.windows import Windows, open_windows
from storage.ledger.catalog import Catalog
from storage.trainings.names import made_name
from storage.versions.version import latest_version

SHORT = ("batch=4", "validate_on=3", "optimizer.warmup=2")
STRUCTURE = (*SHORT, f"init={EDITOR}", "steps=8", "optimizer.rate=1e-4", "optimizer.matrix_rate=2e-4")
EXPERT = (*SHORT, "steps=4", "optimizer.rate=1e-4")
"""Trainings of half a minute or so, from the shipped editor: on so few clips more would do it no good."""
EXPERTS = ("lip", "texture")
BESIDE = "dubbed-beside.mp4"
PEOPLE = 6
"""Strangers who are compared: enough to see it, too few to claim it."""
SHOWN: Mapping[str, str] = {
    "opening_r": "mouth opens with the sound (r)",
    "leak": "follows the source's mouth instead",
    "silent_motion": "moves in silence",
    "identity": "is the same person",
    "psnr_full": "whole picture (dB)",
    "psnr_mask": "lower face (dB)",
    "psnr_lips": "lips (dB)",
}


def train_editor(catalog: str, profile: str) -> bool:
    """Trains each phase a little, on the newest version; False when a person stopped it."""
    console.print("\nTraining the shipped editor a little, in its three phases, on these pairs ...")
    structure = made_name("structure")
    trainings: list[tuple[str, str, tuple[str, ...]]] = [("structure", structure, STRUCTURE)]
    trainings += [(kind, made_name(kind), (*EXPERT, f"init=run:{structure}")) for kind in EXPERTS]
    return all(
        train_in_foreground(kind, catalog, "", "mini", settings, profile, name, as_json=False)
        for kind, name, settings in trainings
    )


def compare() -> None:
    """Prints what the shipped generator and the shipped editor make of strangers, who were filmed saying it, too."""
    with waiting("Comparing generator and editor on six strangers"):
        people = strangers(FIRST, PEOPLE)
        generator = measured_generator(load("mini:generator"), people, Sampling())[0]
        net = opened(EDITOR, shipped_experts())
        editor = measured(net, people, settings_of(EDITOR))[0]
    console.print(_table(generator, editor))
    console.print(
        f"{PEOPLE} strangers of the procedural world, given another's film and this one's sound; `redub reproduce "
        "editor` measures forty.",
        soft_wrap=True,
    )


def _table(generator: Mapping[str, float], editor: Mapping[str, float]) -> Table:
    table = Table("", "generator", "editor", box=None, pad_edge=False)
    for name, said in SHOWN.items():
        table.add_row(said, *(f"{found[name]:.3f}" for found in (generator, editor)))
    return table


def dub_one(catalog: str, folder: Path) -> Path:
    """Dubs a held-out clip with what another one says; returns the film that shows both."""
    folder.mkdir(exist_ok=True)
    clip, sound, out = folder / "clip.mp4", folder / "other.flac", folder / "dubbed.mp4"
    clip.write_bytes(_blob(catalog, "video", 0))
    sound.write_bytes(_blob(catalog, "audio", -1))
    weights = dict.fromkeys(("model", "vae", "whisper", "wav2vec", "text"), "")
    rest = {"prompt": "", "device": "", "compile": False, "float8": False}
    settings = {"steps": None, "seed": 0, "border": None, "reuse": 0.0, "whole_sound": False}
    dub_file(clip, sound, out, True, Wanted(catalog, weights, (), {**rest, "settings": settings}))
    return folder / BESIDE


def _blob(catalog: str, column: str, number: int) -> bytes:
    windows, place = _held_out(Catalog(catalog), number)
    (data,) = windows.blobs.whole("ingest", column, windows.rows("ingest", [place]))
    return data


def _held_out(catalog: Catalog, number: int) -> tuple[Windows, Place]:
    """The first or last clip of a split that nothing was trained on, where there is one."""
    version = latest_version(catalog)
    assert version is not None, "the demo has just published one"
    split = next(one for one in _splits() if version.manifest["splits"].get(one))
    windows = open_windows(catalog, version.tag, split, 25, 25, ("ingest",))
    return windows, windows.places[0 if number == 0 else len(windows.places) - 1]


def _splits() -> Iterator[str]:
    yield from ("val", "test", "train")
