"""Refuses data that a later step could not use, before anything dear is trained on it."""

from flows.bootstrapping.asked import GENERATOR, TRAINED, Asked
from flows.errors import BootstrapRefused
from flows.recipes import Recipe
from flows.run.graph import nodes_of, stages_of
from flows.run.planning import Plan, make_plan
from flows.trained_weights import pinned
from flows.training.data import find_data
from flows.training.validation import find_validator
from storage.ledger.forgotten import refuse_forgotten
from storage.sources import check_rights, list_sources
from storage.versions.version import member_rows
from tasks.training.recipe import TrainRecipe


def check_fit(asked: Asked, tag: str) -> None:
    """A version of clips has windows for all trainings, also those that will see it with companions."""
    recipe = asked.training(GENERATOR)
    for kind in TRAINED:
        later = asked.training_later(kind)
        sizes = {"frames": later.frames, "stride": later.stride, "split": later.split}
        check_learnable(asked, tag, recipe.model_copy(update=sizes))


def check_learnable(asked: Asked, tag: str, recipe: TrainRecipe) -> None:
    """There is something to learn from, and something held out to measure it by."""
    recipe = pinned(asked.tables, recipe)
    validator, why = find_validator(asked.tables, find_data(asked.tables, tag, recipe), recipe)
    if validator is None:
        raise BootstrapRefused(
            f"{why}; without it no editor is promoted, so nothing is trained: give more people (speakers decide the "
            "splits), or other shares of them (--set rebuild.speakers...)"
        )


def check_same_source(asked: Asked, tag: str) -> None:
    """Pairs are made of the very clips that the generator learned from."""
    plan = planned(asked, asked.clips())
    last = list(plan.chosen.values())[-1]
    now = set(last.ok["item_id"].to_pylist())
    began = set(member_rows(asked.tables, tag, ["item_id"])["item_id"].to_pylist())
    if plan.new_sources or now != began:
        raise BootstrapRefused(
            f"{asked.source} is not what {tag} was made of, from which {asked.run(GENERATOR)} learned ({plan.new_sources} "
            f"new sources, {len(began - now)} of its {len(began)} clips gone): put back what was there, or give another name"
        )


def planned(asked: Asked, recipe: Recipe) -> Plan:
    """What a rebuild would compute now."""
    stages = stages_of(pinned(asked.tables, recipe))
    listing = list_sources(asked.source, asked.tables.store, asked.licence, asked.consent)
    refuse_forgotten(asked.tables, listing)
    check_rights(listing)
    return make_plan(asked.tables, stages, nodes_of(stages), asked.where, listing)
