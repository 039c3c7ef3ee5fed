"""`redub train`: trains a network on a dataset version, or goes on with a training."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption, ProfileOption
from flows.stopped import exit_code

app = typer.Typer(
    help="Train a network on a dataset version; go on with a training that ended.", no_args_is_help=True
)
OnOption = Annotated[
    str,
    typer.Option(
        "--on",
        help="What to learn from: a version (v3, an alias, a day), or world:people=400. Default: the newest version.",
    ),
]
RecipeOption = Annotated[
    str, typer.Option("--recipe", "-r", help="What to compute: a recipe's name, or your own .toml file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting, e.g. steps=500 or optimizer.rate=1e-4. Repeatable."),
]
NameOption = Annotated[
    str, typer.Option("--name", "-n", help="What to call the training. Default: kind and time.")
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Only check: data, shapes, sound, room, a dry step.")
]

LogOption = Annotated[
    list[str] | None,
    typer.Option("--log", help="Also tell tensorboard, mlflow or wandb, where it is installed. Repeatable."),
]


def _command(kind: str, what: str) -> None:
    """Adds the command of a kind of training: all take the same."""

    def train(
        catalog: CatalogOption = CATALOG,
        on: OnOption = "",
        recipe: RecipeOption = "mini",
        set_: SetOption = None,
        profile: ProfileOption = "laptop",
        name: NameOption = "",
        check: CheckOption = False,
        log: LogOption = None,
        json: JsonOption = False,
    ) -> None:
        _train(kind, catalog, on, recipe, set_ or [], profile, name, check, json, log or [])

    stops = "Ctrl-C writes a checkpoint and ends; `redub train resume NAME` goes on with the very same steps."
    app.command(kind, help=f"{what}\n\n{stops}")(train)


_command("generator", "Train the generator: it paints the masked face of a clip anew, to fit the sound.")
_command("structure", "Train the editor, first phase: all of it learns from pairs to give a clip other lips.")
_command("lip", "Train the editor's lip expert, over a structure editor: give --set init=run:NAME.")
_command("texture", "Train the editor's texture expert, over a structure editor: give --set init=run:NAME.")
_command("syncnet", "Train SyncNet: it tells lips and sound that belong together from others.")


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="A training's name, as `redub runs` lists it.")],
    catalog: CatalogOption = CATALOG,
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Where to compute. Default: where it ran.")
    ] = "",
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a training that was stopped, was killed or failed: exactly, also with another number of workers."""
    from flows.foreground.training import resume_in_foreground

    if not resume_in_foreground(catalog, run, profile, json, log or []):
        raise typer.Exit(exit_code())


def _train(
    kind: str,
    catalog: str,
    on: str,
    recipe: str,
    set_: list[str],
    profile: str,
    name: str,
    check: bool,
    json: bool,
    log: list[str],
) -> None:
    from flows.foreground.training import check_in_foreground, train_in_foreground

    if check:
        if not check_in_foreground(kind, catalog, on, recipe, set_, profile, json):
            raise typer.Exit(1)
    elif not train_in_foreground(kind, catalog, on, recipe, set_, profile, name, json, log):
        raise typer.Exit(exit_code())
