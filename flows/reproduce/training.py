"""Says which trainings of a plan are left to do, and how each is asked for: one that ended early goes on."""

from collections.abc import Iterable

from flows.reproduce.plan import Planned
from flows.training.recipes import recipe_of
from flows.training.request import TrainRequest
from infra.profiles import Profile
from storage.ledger.catalog import Catalog
from storage.trainings.reading import trainings
from storage.trainings.records import FINISHED


def left(catalog: Catalog, planned: Iterable[Planned]) -> list[Planned]:
    """Those that have not reached their last step."""
    there = {one.run for one in trainings(catalog) if one.state == FINISHED}
    return [one for one in planned if one.name not in there]


def request_of(planned: Planned, catalog: Catalog, profile: Profile) -> TrainRequest:
    """One that is known goes on with the recipe that it began with."""
    known = {one.run: one for one in trainings(catalog)}.get(planned.name)
    recipe = recipe_of(known.kind, known.recipe) if known else planned.recipe
    return TrainRequest(
        planned.kind,
        catalog.root,
        recipe,
        "mini",
        profile,
        planned.data,
        planned.name,
        resumes=known is not None,
    )
