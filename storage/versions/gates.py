"""Gates before a version is published: too few rows, an empty split, a licence that is not on the list.

They are settings of a recipe (`[publish]`), and no stage's: they change no row and enter no fingerprint. Whoever
publishes in spite of one says why, and that is in the manifest of the version.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from storage.errors import StorageError

GATES = "gates"
"""The manifest's entry; a version that passed has none."""


class GateRefused(StorageError):
    """A version that does not pass its gates."""


class Gates(BaseModel):
    """What a version must be like to be published. All off unless set."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_share: float = Field(default=0.0, ge=0, le=1)
    """Rows at least, as a share of those of the newest version before: 0.9 refuses a loss of more than a tenth."""
    splits: tuple[str, ...] = ()
    """Splits that may not be empty."""
    licences: tuple[str, ...] = ()
    """The licences that rows may have; empty: any."""
    anyway: str = ""
    """Publish what doesn't pass, and write down this reason for it. For one rebuild, not for a file."""

    def failing(
        self, tag: str, before: Mapping[str, Any] | None, rows: int, counts: Mapping[str, Mapping[str, int]]
    ) -> list[str]:
        """In words, each with its numbers. `before`: the newest version's manifest; `counts`: fact -> value -> rows."""
        return [
            *(self._few(tag, before, rows) if before else ()),
            *(self._empty(split, counts) for split in self.splits if not counts.get("split", {}).get(split)),
            *(
                f"{number:,} rows have the licence {name!r}, and publish.licences allows {', '.join(self.licences)}"
                for name, number in sorted(counts.get("licence", {}).items())
                if self.licences and name not in self.licences
            ),
        ]

    def _few(self, tag: str, before: Mapping[str, Any], rows: int) -> list[str]:
        share = rows / max(before["rows"], 1)
        if share >= self.min_share:
            return []
        return [
            f"{tag} would have {rows:,} rows, and {before['version']} has {before['rows']:,}: {share:.1%} of them, where "
            f"publish.min_share asks for {self.min_share:.1%}"
        ]

    def _empty(self, split: str, counts: Mapping[str, Mapping[str, int]]) -> str:
        have = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.get("split", {}).items()))
        return f"the split {split!r} has no row (there are {have or 'no splits'}), and publish.splits asks for it"

    def passed(self, tag: str, failing: list[str]) -> dict[str, Any]:
        """The manifest's entry, nothing for a version that passes; one that doesn't is refused without a reason."""
        if not failing:
            return {}
        if not self.anyway.strip():
            raise GateRefused(
                f"{tag} is not published: {'; '.join(failing)}. What was computed is kept. Mend it and run the same command "
                "again, or publish it knowingly with --set 'publish.anyway=the reason', which the manifest then says"
            )
        return {GATES: {"failed": failing, "anyway": self.anyway.strip()}}


NO_GATES = Gates()


def ungated(manifest: Mapping[str, Any]) -> str:
    """What a person is told of a version that was published in spite of a gate; empty where it passed."""
    said = manifest.get(GATES)
    return (
        f"published in spite of its gates ({'; '.join(said['failed'])}), since {said['anyway']}"
        if said
        else ""
    )
