"""`redub export`: a published version as files, for programs that know no Lance."""

from typing import Annotated

import typer

from flows.command.options import CATALOG, CatalogOption, JsonOption

app = typer.Typer()


@app.command()
def export(
    version: Annotated[str, typer.Argument(help="A published version: v3, an alias, or a day.")],
    out: Annotated[str, typer.Argument(help="A new folder, or the one of an export that was interrupted.")],
    to: Annotated[str, typer.Option(help="webdataset (tar shards), folder (MP4s and Parquet), or ltx.")],
    catalog: CatalogOption = CATALOG,
    split: Annotated[str, typer.Option(help="Only this split: train, val or test.")] = "",
    relit: Annotated[
        bool, typer.Option("--relit", help="Also the relit videos, where there are any.")
    ] = False,
    shard_mb: Annotated[int, typer.Option(min=1, help="Of webdataset: MB a shard.")] = 256,
    caption: Annotated[str, typer.Option(help="Of ltx: the caption of every pair.")] = "",
    json: JsonOption = False,
) -> None:
    """Write a version into a folder: tar shards, plain files, or what LTX-2's trainer reads.

    Interrupted, the same command goes on and writes no finished file again. `manifest.json` comes last.
    """
    from flows.terminal.exporting import export_version

    export_version(catalog, version, out, to, split, relit, shard_mb, caption, json)
