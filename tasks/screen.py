"""People look at the masks that are likely to be bad: accept, reject, or have them made again.

The policy says whose masks must be looked at before a clip goes on; a verdict that was given counts under
any policy. A clip that waits is a rejected row like any other, until its verdict comes: the next rebuild
then answers it again, and nothing else. Verdicts are in a table of their own (storage/ledger/mask_verdicts.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from infra.resources import Needs
from storage.ledger.mask_verdicts import AWAITING, Answer, Review
from tasks.ingest import Ingest
from tasks.occluders import Occluders
from tasks.stage import Collective, Rejected, Stage, StageConfig

SEE = ": see `redub review export`"
"""What a reason ends with where a person has yet to look."""
REFUSED = {Answer.REJECT: "rejected_by_reviewer", Answer.REDO: "redo_asked"}


class ScreenConfig(StageConfig):
    policy: Literal["none", "worst", "doubtful", "all"] = "none"
    """Whose masks a person must look at: nobody's, those that were least stable, those that there is a doubt about (their
    stability, a sign that the face is covered, a second face), or everybody's."""
    worst_share: float = Field(default=0.05, ge=0.0, le=1.0)
    """Under `worst`: the share of the clips that are new in a rebuild, rounded up."""
    worst_count: int = Field(default=0, ge=0, le=10**9)
    """Under `worst`: at least so many of them."""
    doubtful_below: float | None = Field(default=None, gt=0.0, le=1.0)
    """Under `doubtful`: the stability below which there is a doubt; left out, any that is not 1, the value of a face of
    which nothing suspicious was seen."""

    @model_serializer(mode="wrap")
    def _of_its_policy(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What it does not set changes no result, so it enters no fingerprint."""
        return {
            name: value for name, value in told(self).items() if name != "doubtful_below" or value is not None
        }

    @model_validator(mode="after")
    def _has_a_limit_only_for_doubts(self) -> Self:
        if self.doubtful_below is not None and self.policy != "doubtful":
            raise ValueError(
                f"doubtful_below says nothing under the policy {self.policy}: set policy to doubtful"
            )
        return self


@dataclass(frozen=True)
class ScreenInput:
    id: str
    stability: float
    review: Review | None
    doubt: str | None = None
    """What was suspicious, in words; None where nobody looked for that."""
    faces: int = 1
    """Most that were seen at once, in the clip's source."""


@dataclass(frozen=True)
class ScreenRow:
    id: str
    looked_at: bool
    """A person accepted it; otherwise the policy didn't ask for one."""
    review: str
    """Key of the verdict that was followed; empty when there was none."""


@dataclass(frozen=True)
class HeldBack(Rejected):
    review: str


class Screen(Collective):
    name = "screen"
    reads = (Occluders, Ingest)
    needs = Needs(cpus=0.1, batch=256, timeout_s=3600)
    Config = ScreenConfig
    Input = ScreenInput
    Output = ScreenRow
    config: ScreenConfig

    def own_reads(self) -> tuple[type[Stage], ...]:
        """How many faces there are is asked under `doubtful` only: otherwise it changes nothing."""
        return tuple(s for s in self.may_read() if s is not Ingest or self.config.policy == "doubtful")

    def whole(self) -> bool:
        """Only who must tell the worst needs to see them all; otherwise clips pass as they come."""
        return self.config.policy == "worst"

    def __call__(
        self,
        rows: Sequence[ScreenInput],
        known: Sequence[ScreenRow],  # noqa: ARG002 - what is new is ranked among itself: old rows stay as they are
    ) -> list[ScreenRow | HeldBack]:
        asked = self._asked([row for row in rows if row.review is None])
        return [_answer(row, asked.get(row.id, "")) for row in rows]

    def _asked(self, rows: Sequence[ScreenInput]) -> dict[str, str]:
        """Whose masks must be looked at, and why."""
        if self.config.policy == "doubtful":
            doubts = {row.id: self._doubts(row) for row in rows}
            return {item: "; ".join(why) for item, why in doubts.items() if why}
        if self.config.policy != "worst":
            all_of_them = rows if self.config.policy == "all" else ()
            return {row.id: "all masks are looked at" for row in all_of_them}
        count = max(self.config.worst_count, math.ceil(self.config.worst_share * len(rows)))
        ranked = sorted(rows, key=lambda row: (_badness(row), row.id))[:count]
        return {row.id: f"stability {row.stability:.3g} is among the {count} worst" for row in ranked}

    def _doubts(self, row: ScreenInput) -> list[str]:
        limit = 1.0 if self.config.doubtful_below is None else self.config.doubtful_below
        seen = (
            row.doubt
            or f"the masks change with their threshold (stability {row.stability:.3g}, below {limit:g})"
        )
        several = f"{row.faces} faces were seen at once: it must be the right one, and none may cover it"
        return [*([seen] if not row.stability >= limit else []), *([several] if row.faces > 1 else [])]


def _badness(row: ScreenInput) -> float:
    return -math.inf if math.isnan(row.stability) else row.stability


def _answer(row: ScreenInput, why: str) -> ScreenRow | HeldBack:
    if row.review is None and not why:
        return ScreenRow(row.id, False, "")
    if row.review is None:
        return HeldBack(row.id, AWAITING, why + SEE, "")
    answer = Answer(row.review.verdict)
    if answer is Answer.ACCEPT:
        return ScreenRow(row.id, True, row.review.key)
    return HeldBack(row.id, REFUSED[answer], _said(answer, row.review), row.review.key)


def _said(answer: Answer, review: Review) -> str:
    kind = "its masks must be made anew" if answer is Answer.REDO else "rejected"
    return f"{kind}, says {review}"
