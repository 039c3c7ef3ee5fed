"""Finds the checkpoints that are to be promoted, and refuses those that don't belong together."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.errors import PromotionRefused
from models.weights.runs import RUN, split_run
from storage.ledger.catalog import Catalog
from storage.trainings.promotion import Promoted, of_checkpoint, promotions
from storage.trainings.reading import (
    Training,
    best_of,
    checkpoint_named,
    checkpoints_of,
    newest_of,
    reference_of,
    training,
)

STRUCTURE, EXPERTS = "structure", ("lip", "texture")
"""Kinds of trainings: the editor's, and its experts'."""


@dataclass(frozen=True)
class Candidate:
    """A training, and the one of its checkpoints that is to be promoted."""

    training: Training
    weights: Promoted


def find_candidates(catalog: Catalog, names: Sequence[str]) -> list[Candidate]:
    """Returns the editor, then its experts. Each is called NAME (its best checkpoint, else its newest) or NAME@STEP."""
    editor, *experts = [_candidate(catalog, name) for name in names]
    _check_kinds(editor, experts)
    for one in experts:
        _check_over(editor, one)
    return [editor, *experts]


def _candidate(catalog: Catalog, named: str) -> Candidate:
    name, which = split_run(f"{RUN}{named.removeprefix(RUN)}")
    one = training(catalog, name)
    if one.kind not in (STRUCTURE, *EXPERTS):
        raise PromotionRefused(
            f"{name} is a {one.kind} training, and dubbing takes an editor; name a {STRUCTURE} training, then its "
            f"experts ({' and '.join(EXPERTS)}), as `redub runs` lists them"
        )
    return Candidate(one, _weights(catalog, one, which))


def _weights(catalog: Catalog, one: Training, which: str) -> Promoted:
    """One whose files its training has removed comes from an earlier promotion."""
    before = [kept for promotion in promotions(catalog) for kept in promotion.all if kept.run == one.run]
    if which.isdigit():
        there = {checkpoint.step for checkpoint in checkpoints_of(catalog, one.run)}
        found = next((kept for kept in before if kept.step == int(which)), None)
        if found and found.step not in there:
            return found
    if which:
        return of_checkpoint(checkpoint_named(catalog, one.run, which), one.kind)
    if checkpoint := best_of(catalog, one.run) or newest_of(catalog, one.run):
        return of_checkpoint(checkpoint, one.kind)
    if before:
        return before[-1]
    raise PromotionRefused(
        f"training {one.run} ({one.state}) has no checkpoint; go on with it (redub train resume {one.run}), or name another"
    )


def _check_kinds(editor: Candidate, experts: Sequence[Candidate]) -> None:
    first = editor.training
    if first.kind != STRUCTURE:
        raise PromotionRefused(
            f"{first.run} is a {first.kind} training, and the editor comes first; name the {STRUCTURE} training that it "
            f"learnt over before it: {first.init or 'its init'}"
        )
    named: dict[str, str] = {}
    for one in (expert.training for expert in experts):
        if one.kind == STRUCTURE:
            raise PromotionRefused(
                f"{first.run} and {one.run} are both {STRUCTURE} trainings; name one editor"
            )
        if one.kind in named:
            raise PromotionRefused(
                f"{named[one.kind]} and {one.run} are both {one.kind} experts, and an editor has one of each; leave out one"
            )
        named[one.kind] = one.run


def _check_over(editor: Candidate, expert: Candidate) -> None:
    """By digest: what it was called doesn't matter."""
    one = expert.training
    digests = {reference_of(parent): parent.rpartition(" ")[2] for parent in one.parents}
    if digests.get(one.init) != editor.weights.digest:
        raise PromotionRefused(
            f"{one.run} learnt over {one.init or 'no editor'} (sha256 {digests.get(one.init, '')[:12]}), which is not "
            f"{editor.weights.uri} ({editor.weights.digest[:12]}): promote that one, or train the expert over this one "
            f"(--set init={editor.weights.uri})"
        )
