"""Gives commands that reach a store its options, as all do that take a catalog: `--storage`, and `-p` where one lacks it.

Both go into the environment (`REDUB_STORAGE`), so that whatever the command starts on this machine has them too.
"""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

StorageOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="An option of the object store, e.g. aws_endpoint=http://host:9000; over the profile's. Repeatable.",
    ),
]
ProfileOfStorage = Annotated[
    str, typer.Option("--profile", "-p", help="Profile whose options of the object store count.")
]


def with_storage(app: typer.Typer) -> typer.Typer:
    """The same app, each of whose commands with a `catalog` takes the options too."""
    for info in (*app.registered_commands, *([app.registered_callback] if app.registered_callback else ())):
        if info.callback and "catalog" in inspect.signature(info.callback).parameters:
            info.callback = stored(info.callback)
    return app


def stored(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same command with the options."""
    signature = inspect.signature(function)
    more: dict[str, tuple[Any, Any]] = {"storage": (StorageOption, None)}
    if "profile" not in signature.parameters:
        more["profile"] = (ProfileOfStorage, "")

    @functools.wraps(function)
    def command(**given: Any) -> Any:
        use(given.get("profile") or "", given.get("storage") or ())
        return function(**{name: value for name, value in given.items() if name in signature.parameters})

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in more.items()
    ]
    vars(command)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), *added])
    command.__annotations__ = function.__annotations__ | {name: kind for name, (kind, _) in more.items()}
    return command


def use(profile: str, given: list[str] | tuple[str, ...]) -> None:
    """What the command says, over what the environment says, over what the profile says."""
    from infra.profiles import load_profile
    from storage.store import OPTIONS, as_text, options_in

    of_profile = load_profile(profile).storage_options if profile else {}
    options = of_profile | options_in(os.environ.get(OPTIONS, "")) | options_in(as_text(given))
    if options:
        os.environ[OPTIONS] = as_text(f"{key}={value}" for key, value in options.items())
