"""Where things run: a profile is one table row of profiles.toml, or of a file of yours.

A profile says how many workers fit and where tables lie, never what is computed: it enters no
fingerprint, so moving a rebuild to another machine recomputes nothing. Its table `training` says the
same of a training.
"""

import dataclasses
import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from infra.number_ranges import OUT_OF_RANGE, named, range_of
from infra.resources import Needs

BUILT_IN = Path(__file__).with_name("profiles.toml")
NEEDS_FIELDS = {field.name: field for field in dataclasses.fields(Needs)}


SETTINGS = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
Cpus = Annotated[float, Field(gt=0, le=1_000_000)]
Gpus = Annotated[int, Field(ge=0, le=100_000)]
GB = Annotated[float, Field(gt=0, le=10_000_000)]
Processes = Annotated[int, Field(ge=1, le=100_000)]
LIMITS = {
    "cpus": (0, 10_000),
    "gpus": (0, 1000),
    "batch": (1, 100_000),
    "timeout_s": (0.1, 30 * 86400),
    "memory_gb": (0, 100_000),
}
"""How far the fields of `Needs` go."""


class ProfileError(ValueError):
    """A profile that doesn't exist or can't be read; says what to do."""


class Training(BaseModel):
    """What a training takes here; nothing in it changes what is computed, but for the rounding of `dtype`."""

    model_config = SETTINGS

    workers: Processes | tuple[Processes, Processes] = 1
    """Processes that train together; or the fewest and the most: then a lost node leaves a smaller world,
    which goes on, and a node that comes is taken in."""
    cpus: Cpus = 1
    """CPUs of one worker, those of its loaders included."""
    gpus: Gpus = 0
    """GPUs of one worker."""
    zero: Literal[0, 1, 2, 3] = 0
    """What DeepSpeed shards over the workers: nothing, optimizer, gradients too, parameters too."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """What forward and backward compute in."""
    micro: int = Field(default=0, ge=0, le=1_000_000)
    """Samples a worker takes at once; the rest of its share of the batch follows, and gradients add up. 0: all."""
    loaders: int = Field(default=0, ge=0, le=10_000)
    """Processes a worker that read its batches; 0 reads between the steps."""
    attempts: int = Field(default=3, ge=1, le=1000)
    """How often it may fail before it has failed; each new attempt goes on from the newest checkpoint."""

    @field_validator("workers")
    @classmethod
    def _fewest_first(cls, workers: int | tuple[int, int]) -> int | tuple[int, int]:
        if isinstance(workers, tuple) and workers[0] > workers[1]:
            raise ValueError(f"the fewest workers come first, and {workers[0]} are more than {workers[1]}")
        return workers

    @property
    def fewest(self) -> int:
        return self.workers if isinstance(self.workers, int) else self.workers[0]


class Profile(BaseModel):
    model_config = SETTINGS

    name: str
    """What it is called in its file."""
    cpus: Cpus | None = None
    """CPUs for all workers together. Default: all of this machine, or of the cluster that is joined."""
    gpus: Gpus | None = None
    """GPUs for all workers together. Default: all that Ray finds."""
    gpu_memory_gb: GB | None = None
    """Memory of one GPU, for `redub doctor` to check that a stage's share holds its weights. Default: not
    checked."""
    memory_gb: GB | None = None
    """Main memory for all workers together. Default: it doesn't limit the number of workers."""
    ray_address: str | None = None
    """A running Ray cluster to join (`auto` for the one of this node). Default: start one here, and only
    for this run."""
    object_store_mb: int = Field(default=256, ge=80, le=10_000_000)
    """Shared memory for results on their way to a table, where Ray is started here; a cluster has its own, and
    none may be named for it. Default: enough for seconds of them."""
    storage_options: dict[str, str] = {}
    """Passed to the object store (aws_region, aws_endpoint). Keep secrets in the environment. Default: none."""
    needs: dict[str, dict[str, Any]] = {}
    """Per stage, fields of `Needs` that differ here from the stage's own. Default: none differ."""
    training: Training = Training()
    """What a training takes. Default: one worker on one CPU."""

    @model_validator(mode="after")
    def _of_a_cluster_of_its_own(self) -> Self:
        if self.ray_address and "object_store_mb" in self.model_fields_set:
            raise ValueError(
                "object_store_mb has no effect on a cluster that is joined (ray_address): leave it out, and give each "
                f"node its own, with `ray start --object-store-memory={self.object_store_mb << 20}`"
            )
        return self

    @field_validator("needs")
    @classmethod
    def _known_and_sane(cls, needs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {stage: {k: _need(stage, k, v) for k, v in own.items()} for stage, own in needs.items()}


def _need(stage: str, name: str, value: Any) -> Any:
    if name not in NEEDS_FIELDS:
        close = _close(name, NEEDS_FIELDS)
        raise ValueError(f"{stage} has an unknown field {name!r}; there are {', '.join(NEEDS_FIELDS)}{close}")
    kind: Any = NEEDS_FIELDS[name].type
    try:
        checked = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{stage}.{name} is {value!r}: {error.errors()[0]['msg']}") from error
    low, high = LIMITS[name]
    if not low <= checked <= high:  # NaN is nowhere
        raise ValueError(f"{stage}.{name} is {value}, and goes from {low:,} to {high:,}")
    return checked


def load_profile(name_or_path: str) -> Profile:
    """A built-in name, `file.toml` (with one profile in it), or `file.toml#name`."""
    path, _, name = name_or_path.partition("#")
    if not path.endswith(".toml"):
        return _profile(BUILT_IN, name_or_path)
    if not Path(path).is_file():
        raise ProfileError(f"there is no file {path} (looked in {os.getcwd()})")
    if not name:
        names = list(_rows(Path(path)))
        if len(names) != 1:
            raise ProfileError(f"{path} holds {len(names)} profiles; say which: {path}#<one of {names}>")
        name = names[0]
    return _profile(Path(path), name)


def needs_for(profile: Profile, stage: str, default: Needs) -> Needs:
    """What a worker of the stage takes here."""
    return dataclasses.replace(default, **profile.needs.get(stage, {}))


def built_in_names() -> list[str]:
    return list(_rows(BUILT_IN))


def _profile(path: Path, name: str) -> Profile:
    rows = _rows(path)
    if name not in rows:
        raise ProfileError(
            f"there is no profile {name!r} in {path.name}; there are {', '.join(rows)}{_close(name, rows)}"
        )
    try:
        return Profile(name=name, **rows[name])
    except ValidationError as error:
        raise ProfileError("\n".join(_fault(path, name, fault) for fault in error.errors())) from error


def _rows(path: Path) -> dict[str, Any]:
    try:
        rows = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{path} can't be read: {error}") from error
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ProfileError(f"{path}: {name!r} stands outside any profile; put it under a [name]")
    return rows


def _fault(path: Path, name: str, fault: Any) -> str:
    field = named(fault["loc"]) or "row"
    close = _close(field, Profile.model_fields) if fault["type"] == "extra_forbidden" else ""
    reason = "there is no such field" if close or fault["type"] == "extra_forbidden" else _why(fault)
    return f"{path}, profile {name}, field {field}: {reason}{close}"


def _why(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["msg"])
    reach = range_of(Profile, fault["loc"])
    if fault["type"] in OUT_OF_RANGE and reach:
        return f"it is {fault['input']!r}, and goes {reach}"
    return f"{fault['msg']} (got {fault['input']!r})"


def _close(name: str, known: Any) -> str:
    matches = difflib.get_close_matches(name, list(known), n=2)
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""
