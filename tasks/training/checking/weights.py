"""Compares the weights that a training begins from to the net that it trains, from headers alone."""

from collections.abc import Iterator

from models.dit.checkpoint import fit_of, inspect
from models.dit.config import DitConfig
from models.dit.presets import on_meta
from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn


def begins_from(reference: str, config: DitConfig) -> Iterator[Finding]:
    """Refuses weights of which no block fits, and says which parts of others start anew."""
    fit = fit_of(reference, config)
    lacking = [*fit.reshaped, *(f"{name} (missing)" for name in fit.missing)]
    lost = {name.partition(" ")[0] for name in lacking}
    blocks = [name for name in on_meta(config).state_dict() if name.startswith("blocks.")]
    if lost.issuperset(blocks):
        yield refuse(
            f"init {reference} fits no block of the net: {first_of(lacking)}; of the presets, it is nearest to "
            f"{inspect(reference).fit.name}: take that one, or other weights"
        )
    elif lost:
        yield warn(
            f"of the net, {len(lost)} tensors are not in init {reference} and start anew: {first_of(lacking)}"
        )
    else:
        yield ok(f"init {reference} fits the net, {fit.shared} tensors")
