"""A rebuild from the command line: what a typo would spoil is checked before Prefect starts, which takes seconds."""

from collections.abc import Sequence

from flows.environment import make_prefect_home
from flows.recipe_files import load_recipe
from flows.run.request import check_profile
from infra.profiles import load_profile
from storage.ledger.catalog import Catalog
from storage.sources import check_spec
from storage.sources.rights import given_option
from storage.store import Store


def rebuild_checked(
    source: str,
    catalog: str,
    recipe: str,
    overrides: Sequence[str],
    profile: str,
    licence: str = "",
    consent: str = "",
    anyway: str = "",
) -> str | None:
    """Run the flow in this process with live progress. The version's tag; None when a person stopped it."""
    load_recipe(recipe, overrides)
    where = load_profile(profile)
    check_profile(where)
    check_spec(source)
    given_option("licence", licence)
    given_option("consent", consent)
    busy = Catalog(catalog, Store.told(where.storage_options)).holder()
    if busy is not None:
        raise busy
    make_prefect_home()
    from flows.foreground.flow import run_in_foreground  # Prefect: after the checks

    return run_in_foreground(
        sources=source, catalog=catalog, recipe=recipe, overrides=tuple(overrides), profile=profile,
        rights={"licence": licence, "consent": consent}, anyway=anyway,
    )  # fmt: skip
