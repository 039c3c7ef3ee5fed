"""`redub dub`: a clip of a face and other speech in, the face saying that out."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Weights = typer.Option(
    show_default=True, rich_help_panel="Weights (names of `redub models list`, paths, hf://...)"
)
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
    if float8 and expert:
        raise typer.BadParameter("it would lose the experts; leave out one of the two", param_hint="--float8")
    from flows.terminal.dubbing import dub_file

    asked = {
        "weights": {"model": model, "vae": vae, "whisper": whisper, "wav2vec": wav2vec, "text": text},
        "experts": tuple(expert or ()), "prompt": prompt, "device": device, "compile": compile_, "float8": float8,
        "settings": {"steps": steps, "seed": seed, "border": border, "reuse": reuse, "whole_sound": whole_sound},
    }  # fmt: skip
    dub_file(video, sound, out, beside, asked)
