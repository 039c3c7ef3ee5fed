"""Opens one split of a dataset version for training, and refuses at once what could give no window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.batches.blobs import VersionBlobs
from storage.batches.place import Place, Places, WindowIds
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.versions.version import load_version

FPS = 25.0
"""What windows of frames and of sound both count on."""


@dataclass(frozen=True)
class Windows:
    """The windows of a split. Pickles, and holds no open file; what is stored of its clips is in `columns`."""

    blobs: VersionBlobs
    places: Places
    clips: pa.StringArray
    """Their ids."""
    columns: Mapping[str, np.ndarray]
    """The version's counts, as `ingest_frames`, and marks, as `relight_relit`; `<stage>_row` is the row id that `blobs`
    reads by."""
    made: Mapping[str, Computation]
    """How each stage's rows were computed."""

    @property
    def ids(self) -> WindowIds:
        return WindowIds(self.clips, self.places)

    def has(self, stage: str) -> bool:
        return f"{stage}_row" in self.columns

    def rows(self, stage: str, places: Sequence[Place]) -> list[int]:
        """Row ids of the places' clips in a stage's table."""
        row_N = self.columns[f"{stage}_row"]
        return [int(row_N[place.clip]) for place in places]

    def count(self, column: str, place: Place) -> int:
        return int(self.columns[column][place.clip])


def open_windows(
    catalog: Catalog,
    tag: str,
    split: str,
    frames: int,
    stride: int,
    stages: Sequence[str],
    optional: Sequence[str] = (),
) -> Windows:
    """`stages`: those whose blobs are needed, so that a version made without one is refused now."""
    version, dataset = load_version(catalog, tag)
    tag = version.tag
    name = f"{tag} of {catalog.root}"
    for stage in stages:
        if f"{stage}_row" not in dataset.schema.names:
            raise StorageError(
                f"{name} was made without {stage}, and a training needs it; rebuild with {stage} on "
                f"(`redub rebuild --set {stage}=on`) and take the new version"
            )
    members = _members(dataset, version.manifest, split, (*stages, *optional))
    if not members.num_rows:
        splits = ", ".join(f"{one} ({rows} clips)" for one, rows in version.manifest["splits"].items())
        raise StorageError(f"{name} has no clip in split {split!r}; it has {splits}")
    _check_rates(members["ingest_fps"].to_pylist(), name)
    columns = {field.name: members[field.name].to_numpy() for field in members.schema if _is_small(field)}
    places = Places(columns["ingest_frames"], frames, stride)
    if not len(places):
        raise StorageError(
            f"none of the {members.num_rows} clips in split {split!r} of {name} has the {frames} frames of a window: "
            f"the longest has {columns['ingest_frames'].max()}; rebuild with longer clips or train on shorter windows"
        )
    computed = catalog.computations()
    made = {
        stage: computed[one] for stage, one in version.manifest["fingerprints"].items() if one in computed
    }
    return Windows(VersionBlobs(catalog, tag), places, members["item_id"].combine_chunks(), columns, made)


def _members(dataset: Any, manifest: Mapping[str, Any], split: str, stages: Sequence[str]) -> pa.Table:
    """Only what windows are found by: of millions of rows, all columns would be gigabytes."""
    column = manifest.get("facts", {}).get("split")
    if column is None:
        raise StorageError(
            f"version {manifest['version']} doesn't say which of its columns is the split; rebuild, and take the new one"
        )
    small = [f.name for f in dataset.schema if _is_small(f) and f.name.partition("_")[0] in stages]
    rows = dataset.to_table(columns=["item_id", column, "ingest_fps", *small])
    return rows.filter(pc.equal(rows[column], split))


def _is_small(field: pa.Field) -> bool:
    return pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)


def _check_rates(rates: Sequence[float], name: str) -> None:
    others = set(rates) - {FPS}
    if others:
        raise StorageError(
            f"{name} has clips of {min(others):g} frames a second, and trainings take {FPS:g}; "
            f"rebuild with ingest.fps={FPS:g}"
        )
