"""Judges the checkpoints of a promotion by their validation, and writes it down.

    judged = judge(catalog, ["ed", "lip-a"])            # refused: what doesn't belong together
    promotion, new = promote(catalog, judged)           # refused: what doesn't pass, unless it is said why

Promoting an older one again is the way back: its weights and metrics are kept with its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows.dubbing.learnt import settings_for
from flows.errors import PromotionRefused
from flows.promoting.candidates import Candidate, find_candidates
from flows.promoting.gates import Checked, check_gates, gates_for
from flows.run.git import git_commit
from flows.trained_weights import pinned_reference
from models.dubbing.suited import said_of
from storage.ledger.catalog import Catalog
from storage.trainings.promotion import Promotion, promoted, promotions, write_promotion
from storage.trainings.reading import checkpoints_of


@dataclass(frozen=True)
class Judged:
    """The editor and its experts, and how each keeps each limit."""

    candidates: tuple[Candidate, ...]
    checks: tuple[Checked, ...]

    @property
    def failed(self) -> list[Checked]:
        """What did not pass."""
        return [one for one in self.checks if not one.passed]


def judge(catalog: Catalog, names: Sequence[str], overrides: Sequence[str] = ()) -> Judged:
    """Finds what is named and holds it to the gates; refuses only what doesn't belong together."""
    candidates = find_candidates(catalog, names)
    checks = [
        check
        for one in candidates
        for check in check_gates(
            one.weights.uri, one.weights.measured, gates_for(one.training.data, overrides)
        )
    ]
    return Judged(tuple(candidates), tuple(checks))


def promote(catalog: Catalog, judged: Judged, anyway: str = "") -> tuple[Promotion, bool]:
    """Returns the promotion, and whether it is a new one: what counts already is not written again."""
    if judged.failed and not anyway:
        raise PromotionRefused(_refusal(judged))
    editor, experts = judged.candidates[0], judged.candidates[1:]
    one = Promotion(
        editor=editor.weights,
        experts=tuple(expert.weights for expert in experts),
        data=editor.training.data,
        data_digest=editor.training.data_digest,
        sampling=_sampling(catalog, editor),
        gates={check.gate.metric: check.gate.limit for check in judged.checks},
        reason=anyway if judged.failed else "",
        git_commit=git_commit(),
        at=datetime.now(UTC),
    )
    now = promoted(catalog)
    if now and now.digests == one.digests:
        return now, False
    write_promotion(catalog, one)
    return one, True


def _sampling(catalog: Catalog, editor: Candidate) -> dict[str, Any]:
    """As its weights say it, or its recipe; of those that are gone, as the earlier row says it."""
    uri = editor.weights.uri
    there = {one.step for one in checkpoints_of(catalog, editor.weights.run)}
    if editor.weights.step in there:
        return said_of(settings_for(pinned_reference(catalog, uri), editor.training.recipe))
    return next(dict(one.sampling) for one in promotions(catalog) if one.editor.uri == uri)


def _refusal(judged: Judged) -> str:
    """The first that fails; the table shows all."""
    first = judged.failed[0]
    run = first.uri.removeprefix("run:").partition("@")[0]
    other = "or say with --anyway REASON why it is to be promoted all the same"
    if first.value is None:
        return (
            f"{first.uri} has no {first.gate.metric}: it was not validated, or saw no face; train on with "
            f"validate_every set, name a step that was validated ({run}@STEP), {other}"
        )
    return (
        f"{first.uri} has {first.gate.metric} {first.value:.3g}, and the gate is {first.gate.said()}; train on, name "
        f"another step ({run}@STEP, `redub runs show {run}`), {other}"
    )
