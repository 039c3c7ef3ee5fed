"""`redub serve` and `redub doctor`: the Prefect server, and whether this machine is ready."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, RECIPE, CatalogOption, JsonOption, ProfileOption, RecipeOption

app = typer.Typer()


@app.command()
def doctor(
    recipe: RecipeOption = RECIPE,
    profile: ProfileOption = "laptop",
    catalog: CatalogOption = CATALOG,
    json: JsonOption = False,
) -> None:
    """Check that this machine can run a recipe on a profile, and say how to get what is missing."""
    from flows.doctor import examine

    if not examine(recipe, profile, catalog, json):
        raise typer.Exit(1)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Beyond this machine it needs PREFECT_SERVER_API_AUTH_STRING."
        ),
    ] = "127.0.0.1",
) -> None:
    """Prefect server, UI and a worker here, with the deployments of prefect.yaml. Kept alive until Ctrl-C."""
    from flows.service import serve as run_server

    run_server(host, port)
