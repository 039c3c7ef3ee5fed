"""`redub reproduce`: trains and measures what a claim of the paper needs, and says whether it holds here."""

from pathlib import Path
from typing import Annotated

import typer

from flows import environment
from flows.command.options import JsonOption, ProfileOption
from flows.stopped import exit_code

app = typer.Typer(
    help="Train and measure what a claim of the paper needs, on rendered people.", no_args_is_help=True
)


@app.callback()
def which() -> None:
    """Keeps what is reproduced a word of its own."""


@app.command()
def editor(
    budget: Annotated[
        str,
        typer.Option(
            "--budget", "-b", help="How long is trained: small, 90 minutes on a core; full, three hours."
        ),
    ] = "small",
    catalog: Annotated[
        str, typer.Option("--catalog", "-c", help="Folder of the trainings, and of what was measured.")
    ] = str(environment.DATA / "reproduce"),
    profile: ProfileOption = "laptop",
    people: Annotated[int, typer.Option(help="Strangers that are measured on.")] = 40,
    noises: Annotated[int, typer.Option(help="From how many noises each is made.")] = 3,
    trainings: Annotated[
        int,
        typer.Option(help="How often each net is trained, with other seeds; an interval then covers that."),
    ] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this variant, as docs/reproducing.md lists them, e.g. 'with lip'. Repeatable."
        ),
    ] = None,
    json: JsonOption = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write both tables as Markdown.")
    ] = None,
) -> None:
    """Does the editor beat the generator that taught it? Claim by claim, with 95 % intervals.

    Trains generator, editor, experts and ablations, and measures all of them on people nobody has seen. Ctrl-C writes a
    checkpoint and ends; the same command goes on, in as many terminals as there are cores to share the work, and when all
    is done prints the tables again in seconds.
    """
    from flows.foreground.reproducing import reproduce_in_foreground

    if not reproduce_in_foreground(
        budget, catalog, profile, people, noises, trainings, only or [], json, out
    ):
        raise typer.Exit(exit_code())
