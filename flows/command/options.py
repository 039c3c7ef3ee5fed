"""Options that several commands of `redub` share."""

from typing import Annotated

import typer

from flows import environment

CATALOG = str(environment.DATA / "catalog")
RECIPE = environment.RECIPE

CatalogOption = Annotated[
    str, typer.Option("--catalog", "-c", help="Folder or object-store prefix of the tables.")
]
SourceOption = Annotated[
    str,
    typer.Option(
        "--source", "-s", help="Folder, file, glob, object-store prefix, or manifest (.csv, .parquet)."
    ),
]
RecipeOption = Annotated[
    str,
    typer.Option(
        "--recipe", "-r",
        help="What to compute: real (people, on any machine), full (people, with a GPU), world (what `redub render` "
        "makes), or your own .toml file.",
    ),
]  # fmt: skip
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting, e.g. verdict.min_sharpness=8. Repeatable."),
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile", "-p", help="Where to compute: laptop, a100x32, h100x8, gpu24g, or file.toml#name."
    ),
]
LicenceOption = Annotated[str, typer.Option(help="Licence of sources whose manifest doesn't name one.")]
ConsentOption = Annotated[
    str, typer.Option(help="How the people shown agreed, where the manifest doesn't say.")
]
GateOption = Annotated[
    list[str] | None,
    typer.Option("--gate", help="Another limit, as in leak=0.2; it is written down. Repeatable."),
]
AnywayOption = Annotated[
    str,
    typer.Option(help="Compute footage that the models don't know, and write down this reason for it."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
