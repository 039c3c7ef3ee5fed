"""Checks how a batch is dealt to workers, which optimizers can be sharded, and that chance differs."""

from collections.abc import Iterator

from infra.profiles import Profile
from tasks.training.chance import chance, normal
from tasks.training.checking.finding import Finding, ok, refuse, warn
from tasks.training.recipe import Optimizer

STEPS = 3


def dealt(batch: int, profile: Profile) -> Iterator[Finding]:
    """Whether every worker gets as much, in whole micro-batches."""
    training = profile.training
    fewest, most = (
        training.fewest,
        training.workers if isinstance(training.workers, int) else training.workers[1],
    )
    if not _even(batch, fewest, training.micro) or not _even(batch, most, training.micro):
        wrong = fewest if not _even(batch, fewest, training.micro) else most
        each = wrong * max(training.micro, 1)
        yield refuse(
            f"a batch of {batch} can't be dealt evenly to {wrong} workers"
            + (f" that take {training.micro} at a time" if training.micro else "")
            + f": set batch={max(each, round(batch / each) * each)}, or change workers or micro of profile "
            f"{profile.name!r}"
        )
        return
    odd = [count for count in range(fewest, most + 1) if not _even(batch, count, training.micro)]
    if odd:
        yield warn(
            f"a batch of {batch} can't be dealt evenly to {', '.join(map(str, odd))} workers, which is what may be "
            "left of them: the training then stops until it is resumed"
        )
    else:
        share = batch // most
        yield ok(f"a batch of {batch} is {share} samples a worker, {training.micro or share} at a time")


def _even(batch: int, workers: int, micro: int) -> bool:
    return batch % (workers * max(micro, 1)) == 0


def sharded(optimizer: Optimizer, profile: Profile) -> Iterator[Finding]:
    """Muon needs whole matrices."""
    zero = profile.training.zero
    if optimizer.kind == "muon" and zero:
        yield refuse(
            f"optimizer muon needs whole matrices, and profile {profile.name!r} shards them (zero = {zero}): set "
            "optimizer.kind=adamw, or take a profile with zero = 0"
        )
    else:
        yield ok(f"optimizer {optimizer.kind} with zero = {zero}")


def differs(seed: int, batch: int) -> Iterator[Finding]:
    """Whether every place of a batch, so every worker, and every step has its own noise."""
    drawn = [float(normal([chance(seed, step, place)], 1)) for step in range(STEPS) for place in range(batch)]
    assert len(set(drawn)) > 0.99 * len(drawn), "places or steps draw the same noise"
    yield ok("noise differs from place to place, worker to worker and step to step")
