"""`redub dub`: a clip of a face and other speech in, the face saying that out.

Whatever can be refused is refused before weights are loaded, which takes minutes: the files are decoded, the headers
of the weights are read, and the whole request is checked against networks on the meta device.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.dubclip import FPS, PLAYED_HZ, Clip, check_out, read_clip, side_by_side, write

if TYPE_CHECKING:
    import numpy as np
    import torch

    from models.dit.config import DitConfig
    from models.dubbing.networks import References
    from models.dubbing.request import Networks, Settings

app = typer.Typer()

Weights = typer.Option(
    show_default=True, rich_help_panel="Weights (names of `redub models list`, paths, hf://...)"
)
TOLD = 5
"""How often steps are told where no bar can move."""
Quicker = partial(typer.Option, rich_help_panel="Quicker; what it costs is said")


@app.command()
def dub(
    video: Annotated[Path, typer.Argument(help="A clip of one face, cut out square, as `ingest` does.")],
    sound: Annotated[Path, typer.Argument(help="What it is to say: sound, or a video that has some.")],
    out: Annotated[Path, typer.Argument(help="The .mp4 to write: 25 fps, as long as the shorter of both.")],
    steps: Annotated[int, typer.Option(min=1, help="Of each clip of 77 frames; fewer are quicker.")] = 30,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of the noise: the same one, the same video.")
    ] = 0,
    beside: Annotated[
        bool, typer.Option("--beside", help="Write OUT-beside.mp4, too: the original on the left.")
    ] = False,
    whole_sound: Annotated[
        bool, typer.Option("--whole-sound", help="A video that ends before the sound goes back, and forth.")
    ] = False,
    border: Annotated[
        bool, typer.Option(help="Hold the picture's edge to the original's, to paste it back.")
    ] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda; default: a GPU where there is one.")] = "",
    prompt: Annotated[str, typer.Option(help="The public editor has learnt with none.")] = "",
    expert: Annotated[
        list[str] | None, typer.Option(help="A LoRA expert's file; on between its own noise levels.")
    ] = None,
    reuse: Annotated[
        float,
        Quicker(min=0, max=0.99, help="Leave out steps whose velocity can be guessed this well; try 0.05."),
    ] = 0,
    compile_: Annotated[bool, Quicker("--compile", help="The same result; takes a minute first.")] = False,
    float8: Annotated[bool, Quicker("--float8", help="Refused if a velocity changes by over 5 %.")] = False,
    model: Annotated[str, Weights] = "xdub",
    vae: Annotated[str, Weights] = "wan2.2-vae",
    whisper: Annotated[str, Weights] = "whisper",
    wav2vec: Annotated[str, Weights] = "wav2vec2",
    text: Annotated[str, Weights] = "umt5",
) -> None:
    """Dub a clip of a face with other speech, by the public X-Dub checkpoint or another editor.

    Everything is checked before weights are loaded. `redub models pull xdub wan2.2-vae whisper wav2vec2 umt5` gets
    the public ones, 33 GB. --text may be the embedding of a prompt in a .safetensors file, too; --wav2vec none is for
    nets that hear Whisper alone.
    """
    began = time.monotonic()
    outs = [out, out.with_name(f"{out.stem}-beside.mp4")][: 1 + beside]
    check_out(outs, (video, sound))
    if float8 and expert:
        raise typer.BadParameter("it would lose the experts; leave out one of the two", param_hint="--float8")
    weights = {"model": model, "vae": vae, "whisper": whisper, "wav2vec": wav2vec, "text": text}
    settings = {"steps": steps, "seed": seed, "border": border, "reuse": reuse, "whole_sound": whole_sound}
    clip = read_clip(video, sound)
    ask = Asked(weights, tuple(expert or ()), prompt, device, settings, compile_, float8)
    made, costs = _dubbed(clip, ask)
    played = clip.played[: len(made) * PLAYED_HZ // FPS]
    write(out, made, played)
    if beside:
        write(outs[1], side_by_side(clip.frames, made), played)
    _say(outs, made, clip.sound if whole_sound else clip.shorter, time.monotonic() - began, costs)


@dataclass(frozen=True)
class Asked:
    weights: dict[str, str]
    experts: tuple[str, ...]
    prompt: str
    device: str
    settings: dict[str, Any]
    compile: bool
    float8: bool


def _checked(clip: Clip, ask: Asked) -> "tuple[References, DitConfig, Settings, int]":
    """The request, and how many steps it takes: checked with networks on the meta device, before any are loaded."""
    from models.dubbing.networks import References, editor_config, on_meta_device
    from models.dubbing.request import Settings, check
    from storage.sources import SourceError

    weights = {what: _reference(one) for what, one in ask.weights.items()}
    names, settings = References(**weights, experts=ask.experts), Settings(**ask.settings)
    config = editor_config(names)
    parts = on_meta_device(names, config, ask.prompt)
    try:
        frames = check(parts, clip.frames, clip.heard, settings)
    except ValueError as error:
        raise SourceError(f"{clip.video} cannot be dubbed with {clip.sound}: {error}") from error
    return names, config, settings, settings.clips(frames) * settings.steps


def _dubbed(clip: Clip, ask: Asked) -> "tuple[np.ndarray, list[str]]":
    """And what quicker ways have cost."""
    import torch

    from models.dubbing.dub import dub as run
    from models.dubbing.networks import loaded
    from models.weights.references import ModelError

    where, dtype = _place(ask.device)
    names, config, settings, steps = _checked(clip, ask)
    try:
        with _progress() as (tell, tick):
            parts = loaded(names, config, ask.prompt, where, dtype, lambda what: tell(f"loading {what}"))
            costs = _sped_up(parts, clip, settings, ask, tell)
            tell("listening")
            made = run(parts, clip.frames, clip.heard, settings, tick)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{where} has too little memory for {clip.video}: scale it down, or give --device cpu"
        ) from error
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{clip.video} could not be dubbed with {clip.sound}: {error}") from error
    if settings.reuse:
        costs.append(
            f"{made.left_out} of {steps} steps were left out, which led at most {made.error:.1%} of the way astray."
        )
    return made.video_FHWC, costs


def _sped_up(
    parts: "Networks", clip: Clip, settings: "Settings", ask: Asked, tell: Callable[[str], None]
) -> list[str]:
    from models.dit.speedup import compiled, in_float8, use_flash_attention_3
    from models.dubbing.dub import input_halfway

    costs = []
    use_flash_attention_3()
    if ask.float8:
        tell("trying float8")
        change = in_float8(parts.dit, input_halfway(parts, clip.frames, clip.heard, settings))
        costs.append(f"In float8 a velocity of the first clip changed by {change:.1%}.")
    if ask.compile:
        compiled(parts.dit)
    return costs


def _reference(name: str) -> str:
    from models.weights.known import find

    known = find(name)
    return known.reference if known else name


def _place(device: str) -> "tuple[str, torch.dtype]":
    import torch

    from models.weights.references import ModelError

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return device, torch.float32
    there = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if device not in (there and ["cuda", *there]):
        raise ModelError(
            f"torch finds no {device!r} here; give --device {' or '.join(['cpu', *there])}, or mend the GPU's driver"
        )
    return device, torch.bfloat16


# -- what is shown -------------------------------------------------------------------------------------


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """What is being done, and the steps of it; lines of text where no terminal is."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from flows.view import console

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[steps]}"), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("", total=None, steps="")

    def tell(what: str) -> None:
        bar.update(task, description=what)
        if not console.is_terminal:
            console.print(f"{what} ...")

    def tick(done: int, total: int) -> None:
        steps = f"{done} of {total} steps"
        bar.update(task, description="dubbing", completed=done, total=total, steps=steps)
        if not console.is_terminal and done * TOLD // total > (done - 1) * TOLD // total:
            console.print(f"{steps} ...")
        if done == total:
            tell("drawing the frames")

    with bar:
        yield tell, tick


def _say(written: list[Path], made: "np.ndarray", shorter: Path, took: float, costs: list[str]) -> None:
    from flows.view import console, duration

    count, height, width = made.shape[:3]
    also = f" {written[1]} shows the original on the left." if written[1:] else ""
    console.print(
        f"{written[0]}: {count} frames, {count / FPS:.2f} s of {width}x{height} at {FPS} fps, as long as "
        f"{shorter}. It took {duration(took)}.{also}{''.join(f' {cost}' for cost in costs)}",
        soft_wrap=True,
        markup=False,
    )
