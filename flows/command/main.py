"""Entry of the `redub` command: its groups, and how a known problem is told."""

import os
import sys
from typing import Annotated

import typer

from flows import environment
from flows.command import (
    bootstrap,
    dub,
    export,
    looking,
    models,
    pairs,
    promote,
    rebuild,
    reproduce,
    review,
    runs,
    server,
    tidying,
    train,
    trying,
    versions,
    world,
)  # fmt: skip
from flows.command.stored import with_storage

app = typer.Typer(
    help="Build the training data for visual dubbing, from videos to a published dataset version.\n\n"
    "Start with `redub demo`, or with `redub try FILE` on a video of your own. Then `redub plan --source FOLDER` "
    "says what a rebuild would cost, and `redub rebuild --source FOLDER` does it. Whatever is interrupted, the same "
    "command goes on.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (
    trying,
    rebuild,
    world,
    pairs,
    looking,
    versions,
    export,
    tidying,
    promote,
    bootstrap,
    dub,
    server,
):
    app.add_typer(with_storage(group.app))
app.add_typer(with_storage(tidying.quarantine), name="quarantine")
app.add_typer(with_storage(models.app), name="models")
app.add_typer(with_storage(review.app), name="review")
app.add_typer(with_storage(train.app), name="train")
app.add_typer(with_storage(runs.app), name="runs")
app.add_typer(with_storage(reproduce.app), name="reproduce")


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Say which redub this is, and end.")] = False,
) -> None:
    if version:
        from flows.terminal.console import console
        from flows.version import version_words

        console.print(version_words(), markup=False)
        raise typer.Exit


def main() -> None:
    """Known problems end in one sentence that says what to do; everything else keeps its traceback."""
    _check_folder()
    environment.prepare()
    try:
        app()
    except Exception as error:
        if not isinstance(error, _known_problems()):
            raise
        from flows.terminal.console import problems
        from flows.terminal.plain_text import paragraph

        problems.print(f"[red]redub:[/] {paragraph(str(error))}", markup=True, soft_wrap=True)
        sys.exit(1)


def _check_folder() -> None:
    """Nothing can be written beside a folder that is gone, and no relative path means anything."""
    try:
        os.getcwd()
    except FileNotFoundError:
        sys.exit("redub: the folder that this was started in is gone: change to another (cd) and try again")


def _known_problems() -> tuple[type[Exception], ...]:
    from flows.errors import (
        BootstrapRefused,
        FootageRefused,
        PromotionRefused,
        RecipeError,
        ServeError,
        SpeakersUnknown,
        TrainingFailed,
        TrainingRefused,
    )
    from infra.engine.jobs import EngineError
    from infra.launch.outcome import LaunchError
    from infra.profiles import ProfileError
    from models.weights.references import ModelError
    from storage.errors import StorageError
    from storage.ledger.lock import CatalogBusy
    from storage.sources import SourceError

    return (
        RecipeError, ServeError, TrainingFailed, TrainingRefused, PromotionRefused, BootstrapRefused, FootageRefused,
        SpeakersUnknown, EngineError, LaunchError, ProfileError, ModelError, StorageError, CatalogBusy, SourceError,
    )  # fmt: skip
