"""The contract of a stage: rows in, rows out, and nothing about who runs it or where it is stored.

A stage is a class with a frozen Config, a typed Input and a typed Output. It comes in three shapes:

- Annotate: one row in, one row out, same id (quality scores of a source).
- Collective: like Annotate, but a row's result depends on all of them (who is the same person as whom).
- Expand: one row in, many rows out, each with an id of its own (a source into clips).

Input's fields are filled by name from the outputs of the stages it `reads` (the first one is walked
row by row, the others are joined on the id; a field with a default keeps it where none of them has it);
Output's fields are the columns of the stage's table.
Another item's row is read `Through` a column that names that item.
One that is read and gives no field is a gate: only what it accepted comes in, and its settings change
nothing here (flows/recipes.py).
Ids travel with every result and are checked, so a result can't be written to the wrong item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from infra.resources import Needs
from storage.store import Store


class StageConfig(BaseModel):
    """What to compute. Every field enters the fingerprint; where to compute it belongs in a profile."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


@dataclass(frozen=True)
class Rejected:
    """A stage looked at the item and says no: a result like any other, kept with its reason."""

    id: str
    code: str
    """Short and stable, for counting: `no_video`."""
    reason: str
    """For a person: what was found, and what would have been right."""


@dataclass(frozen=True)
class Expanded:
    """Everything one input row became. Empty is not allowed: say with `Rejected` why nothing came."""

    id: str
    rows: tuple[Any, ...]


@dataclass(frozen=True)
class Through:
    """Reads another item's row of a stage: the one that a column of this item names.

        reads = (Partner, Ingest, Through(Ingest, by="partner"))

    Here `partner` is a column of Partner that holds a clip's id. The Input's field `partner_audio` is then the
    column `audio` of that clip, where `audio` would be this clip's own. An item waits until the row that it
    names is accepted. Where the column is empty the item doesn't come in; if that is `optional`, it does, and
    the fields that are read through it are None.
    """

    stage: type["Stage"]
    by: str
    optional: bool = False


class Stage:
    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raise it when the code's results change: rows of the old version are then computed again."""
    reads: ClassVar[tuple["type[Stage] | Through", ...]] = ()
    """Upstream stages, the walked one first; empty means the list of sources."""
    facts: ClassVar[tuple[str, ...]] = ()
    """Columns of Output that say of every row in a version: its `split`, `licence` or `consent`."""
    needs: ClassVar[Needs] = Needs()

    Config: ClassVar[type[StageConfig]] = StageConfig
    Input: ClassVar[type]
    Output: ClassVar[type]

    def __init__(self, config: Any = None) -> None:
        self.config = config if config is not None else self.Config()

    @classmethod
    def may_read(cls) -> tuple[type["Stage"], ...]:
        """The stages whose rows of the same item it reads, whatever its settings."""
        return tuple(read for read in cls.reads if not isinstance(read, Through))

    def own_reads(self) -> tuple[type["Stage"], ...]:
        """Those that it reads with these settings: all, unless a stage says that it then does without some."""
        return self.may_read()

    def weights(self) -> dict[str, str]:
        """Model reference -> digest of the weights this stage loads; part of the fingerprint."""
        return {}

    def packages(self) -> dict[str, str]:
        """Python packages beyond the default install that these settings need -> how to get each."""
        return {}

    def told(self) -> dict[str, str]:
        """What the manifest of a version says of how it was made: name -> words."""
        return {}

    def setup(self, store: Store) -> None:
        """Once per worker, before the first batch: load weights, keep `store` to open files."""
        self.store = store


class Annotate(Stage):
    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__}.__call__")


class Collective(Stage):
    """Waits until everything before it is done, then answers all new rows in one batch.

    That batch is one unit of work: it has one deadline (`needs.timeout_s`), and when it fails all of it is
    tried again, never a part; no profile can set its size.
    What it answered in earlier runs stays as it is and is handed in as `known`, so that a dataset can grow
    without rows changing under those who read them. To decide anew, change its Config or its version.
    """

    chooses: ClassVar[bool] = False
    """Its rows name other items, which others read through: where one that is named is gone, it is asked again, and of
    what it answered before it is handed only what is still there."""

    def whole(self) -> bool:
        """A stage may say that with its settings each row is answered by itself, without the others."""
        return True

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        """`known`: Outputs of earlier runs, with None in place of each blob."""
        raise NotImplementedError(f"{type(self).__name__}.__call__")


class Expand(Stage):
    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__}.__call__")


def is_whole(stage: Stage) -> bool:
    """Whether it takes all its rows at once, as one unit of work."""
    return isinstance(stage, Collective) and stage.whole()
