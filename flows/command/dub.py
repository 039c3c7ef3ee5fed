"""`redub dub`: a clip of a face and other speech in, the face saying that out."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption

app = typer.Typer()

Weights = typer.Option(
    show_default=False, rich_help_panel="Weights (names of `redub models list`, run:NAME, paths, hf://...)"
)
Quicker = partial(typer.Option, rich_help_panel="Quicker; what it costs is said")


@app.command()
def dub(
    video: Annotated[Path, typer.Argument(help="A clip of one face, cut out square, as `ingest` does.")],
    sound: Annotated[Path, typer.Argument(help="What it is to say: sound, or a video that has some.")],
    out: Annotated[Path, typer.Argument(help="The .mp4 to write: 25 fps, as long as the shorter of both.")],
    catalog: CatalogOption = CATALOG,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of each piece; fewer are quicker. Default: as the weights ask, or 30."),
    ] = None,
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
        bool | None,
        typer.Option(
            "--border/--no-border",
            help="Hold the picture's edge to the original's, to paste it back. Default: as the weights ask, or yes.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda; default: a GPU where there is one.")] = "",
    prompt: Annotated[str, typer.Option(help="The public editor has learnt with none.")] = "",
    expert: Annotated[
        list[str] | None,
        typer.Option(
            help="A LoRA expert; on between its own noise levels. none: not even the promoted ones."
        ),
    ] = None,
    reuse: Annotated[
        float,
        Quicker(min=0, max=0.99, help="Leave out steps whose velocity can be guessed this well; try 0.05."),
    ] = 0,
    compile_: Annotated[bool, Quicker("--compile", help="The same result; takes a minute first.")] = False,
    float8: Annotated[bool, Quicker("--float8", help="Refused if a velocity changes by over 5 %.")] = False,
    model: Annotated[str, Weights] = "",
    vae: Annotated[str, Weights] = "",
    whisper: Annotated[str, Weights] = "",
    wav2vec: Annotated[str, Weights] = "",
    text: Annotated[str, Weights] = "",
) -> None:
    """Dub a clip of a face with other speech, by the editor that the catalog has promoted, or another one.

    Where nothing is promoted (`redub promote`) it is by the public X-Dub checkpoint: `redub models pull xdub
    wan2.2-vae whisper wav2vec2 umt5` gets it and what it sees and hears by, 33 GB. Everything is checked before
    weights are loaded. --text may be the embedding of a prompt in a .safetensors file, too; --wav2vec none is for
    nets that hear Whisper alone.
    """
    from flows.terminal.dubbing import Wanted, dub_file

    weights = {"model": model, "vae": vae, "whisper": whisper, "wav2vec": wav2vec, "text": text}
    rest = {
        "prompt": prompt, "device": device, "compile": compile_, "float8": float8,
        "settings": {"steps": steps, "seed": seed, "border": border, "reuse": reuse, "whole_sound": whole_sound},
    }  # fmt: skip
    dub_file(video, sound, out, beside, Wanted(catalog, weights, tuple(expert or ()), rest))
