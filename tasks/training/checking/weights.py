"""Compares the weights that a training begins from to the net that it trains, from headers alone."""

from collections.abc import Iterator

from models.dit.checkpoint import fit_of, inspect
from models.dit.config import DitConfig
from models.dit.presets import on_meta
from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn


def begins_from(reference: str, config: DitConfig, frozen: bool = False) -> Iterator[Finding]:
    """Refuses weights of which no block fits, and says which parts of others start anew.

    A net that stays `frozen` under an expert could not learn those, and is refused unless it fits whole.
    """
    fit = fit_of(reference, config, whole=frozen)
    lacking = [*fit.reshaped, *(f"{name} (missing)" for name in fit.missing)]
    if not fits_a_block(reference, config):
        near = inspect(reference).fit
        what = f"of the presets, it is nearest to {near.name}: take that one, or" if near.shared else "give"
        yield refuse(f"init {reference} fits no block of the net: {first_of(lacking)}; {what} other weights")
    elif lacking and frozen:
        yield refuse(
            f"an expert learns over a whole editor, and init {reference} lacks {len(lacking)} of its tensors: "
            f"{first_of(lacking)}; give another init, or the recipe's preset and companion as the editor's"
        )
    elif lacking:
        yield warn(
            f"of the net, {len(lacking)} tensors are not in init {reference} and start anew: {first_of(lacking)}"
        )
    else:
        yield ok(f"init {reference} fits the net, {fit.shared} tensors")


def fits_a_block(reference: str, config: DitConfig) -> bool:
    """Whether there is anything in it that a training could begin from."""
    fit = fit_of(reference, config)
    lost = {*fit.missing, *(said.partition(" ")[0] for said in fit.reshaped)}
    return any(name.startswith("blocks.") and name not in lost for name in on_meta(config).state_dict())


def fits_whole(reference: str, config: DitConfig) -> bool:
    """Whether it could be loaded as it is."""
    return fit_of(reference, config, whole=True).whole
