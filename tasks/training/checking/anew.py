"""Encodes and hears a few windows anew, and compares what is stored of them: a table copied wrongly shows there."""

from collections.abc import Iterator

from models.audio.whisper import Whisper
from models.vae.opening import load_vae
from tasks.training import stored_sound
from tasks.training.checking import encoding, hearing
from tasks.training.checking.finding import Finding, warn
from tasks.training.checking.machine import device, too_large
from tasks.training.objective import Batch
from tasks.training.version_windows import VersionWindows


def made_anew(vae: str, windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    """Encodes them if latents are stored, and hears them."""
    if encoding.has_stored(batch):
        yield from _encoded(vae, windows, few, batch)
    yield from _heard(windows, few, batch)


def _encoded(vae: str, windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    if too_large(vae):
        yield warn(f"stored latents are not compared: {vae} is too large for this machine, which has no GPU")
    else:
        yield from encoding.as_encoded(windows, few, batch, load_vae(vae, device()))


def _heard(windows: VersionWindows, few: list[int], batch: Batch) -> Iterator[Finding]:
    made = windows.config(stored_sound.STAGE)
    heard = hearing.listened(windows.stored, [windows.place(one) for one in few])
    yield from hearing.as_long(heard)
    if too_large(made["whisper"]):
        yield warn(
            f"sound is not heard anew: {made['whisper']} is too large for this machine, which has no GPU"
        )
        return
    whisper = Whisper(made["whisper"], made["layers"], device())
    audio_BFNA = batch["audio_BFNA"]
    yield from hearing.as_heard(heard, audio_BFNA, whisper)
    yield from hearing.in_step(heard, audio_BFNA.shape[1], whisper)
