"""Entry of the `redub` command: its groups, and how a known problem is told."""

import sys

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
    world,
)  # fmt: skip
from flows.command.stored import with_storage

app = typer.Typer(
    help="Build the training data for visual dubbing, from videos to a published dataset version.\n\n"
    "Start with `redub demo`, or with `redub try FILE` on a video of your own. Then `redub plan --source FOLDER` "
    "says what a rebuild would cost, and `redub rebuild --source FOLDER` does it. Whatever is interrupted, the same "
    "command goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (trying, rebuild, world, pairs, looking, export, tidying, promote, bootstrap, dub, server):
    app.add_typer(with_storage(group.app))
app.add_typer(with_storage(tidying.quarantine), name="quarantine")
app.add_typer(with_storage(models.app), name="models")
app.add_typer(with_storage(review.app), name="review")
app.add_typer(with_storage(train.app), name="train")
app.add_typer(with_storage(runs.app), name="runs")
app.add_typer(with_storage(reproduce.app), name="reproduce")


def main() -> None:
    """Known problems end in one sentence that says what to do; everything else keeps its traceback."""
    environment.prepare()
    try:
        app()
    except Exception as error:
        if not isinstance(error, _known_problems()):
            raise
        from rich.markup import escape

        from flows.terminal.console import problems

        problems.print(f"[red]redub:[/] {escape(str(error))}", markup=True, soft_wrap=True)
        sys.exit(1)


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
