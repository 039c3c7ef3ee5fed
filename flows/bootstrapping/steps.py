"""The steps of a bootstrap as data: what each makes, how to know that it is done, and how it is made.

What is done is read from the catalog alone: versions (whose manifests say which generator painted their pairs),
trainings by their names, promotions. So whoever was killed anywhere goes on by the same command.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from flows.bootstrapping.ahead import check_experts, check_phases
from flows.bootstrapping.asked import EXPERTS, GENERATOR, LIP, STRUCTURE, TEXTURE, Asked
from flows.bootstrapping.began import check_source_began, check_training_began, check_version_began
from flows.bootstrapping.fit import check_fit, check_learnable, check_same_source
from flows.bootstrapping.made import Made, of_training, of_version, painted_by, row_of
from flows.errors import BootstrapRefused
from flows.promoting.promoting import Judged, judge, promote
from storage.ledger.catalog import Catalog
from storage.trainings.names import training_holder
from storage.trainings.promotion import Promotion, promotions
from storage.versions.version import load_version

CLIPS, PAIRS, VALIDATE, PROMOTE = "clips", "pairs", "validate", "promote"


class Hands(Protocol):
    """Does the work of steps, in the foreground or below a Prefect flow."""

    def rebuild(self, asked: Asked, settings: Sequence[str]) -> str | None:
        """Returns the version's tag; None when a person stopped it."""

    def train(self, asked: Asked, kind: str, data: str, init: str) -> bool:
        """Begins or goes on with a training; False when a person stopped it."""

    def say(self, what: str) -> None:
        """Tells a person what takes a while within a step."""

    def take(self, step: "Step", work: Callable[[], Made | None]) -> Made | None:
        """Does a step and shows that it is done now."""


@dataclass
class Chain:
    """A bootstrap on its way: what was asked for, and what is made so far, by step."""

    asked: Asked
    made: dict[str, Made] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        """Of what was asked for."""
        return self.asked.tables

    def data(self, kind: str) -> str:
        """Returns the version that a training learns from; empty while it isn't there."""
        made = self.made.get(CLIPS if kind == GENERATOR else PAIRS)
        return made.what if made else ""

    def init(self, kind: str) -> str:
        """Returns the editor that an expert learns over."""
        return self.made[STRUCTURE].what if kind in EXPERTS else ""


@dataclass(frozen=True)
class Step:
    """One link of the chain."""

    name: str
    makes: str
    done: Callable[[Chain], Made | None]
    """What the catalog has of it; None while it is to do, or to be gone on with. Raises what forbids to go on."""
    make: Callable[[Chain, Hands], Made | None]
    """Does it; None when a person stopped it."""


# -- versions -----------------------------------------------------------------------------------------


def _clips_done(chain: Chain) -> Made | None:
    """Once a generator has begun to learn, its row says which version it is."""
    row = row_of(chain.catalog, chain.asked.run(GENERATOR))
    if row is None:
        return None
    recipe = chain.asked.training(GENERATOR)
    check_training_began(chain.asked, row, GENERATOR, recipe, "")
    check_version_began(chain.asked, load_version(chain.catalog, row.data)[0], chain.asked.clips())
    return of_version(chain.catalog, row.data)


def _make_clips(chain: Chain, hands: Hands) -> Made | None:
    tag = hands.rebuild(chain.asked, chain.asked.clip_settings())
    return of_version(chain.catalog, tag) if tag else None


def _pairs_done(chain: Chain) -> Made | None:
    generator = chain.made[GENERATOR].what
    version = painted_by(chain.catalog, generator)
    if version is None:
        return None
    check_version_began(chain.asked, version, chain.asked.pairs(generator))
    check_source_began(chain.asked, version)
    return of_version(chain.catalog, version.tag)


def _make_pairs(chain: Chain, hands: Hands) -> Made | None:
    check_same_source(chain.asked, chain.made[CLIPS].what)
    tag = hands.rebuild(chain.asked, chain.asked.pair_settings(chain.made[GENERATOR].what))
    return of_version(chain.catalog, tag) if tag else None


# -- trainings ----------------------------------------------------------------------------------------


def _trained(kind: str, chain: Chain) -> Made | None:
    row = row_of(chain.catalog, chain.asked.run(kind))
    if row is None:
        return None
    recipe = chain.asked.training(kind, chain.init(kind))
    check_training_began(chain.asked, row, kind, recipe, chain.data(kind))
    if busy := training_holder(chain.catalog, row.run):
        raise busy
    if row.state == "dropped":
        raise BootstrapRefused(f"training {row.run} was dropped, and its name stays its own: give another")
    if row.state == "failed":
        raise BootstrapRefused(
            f"training {row.run} failed: {row.message}; `redub train resume {row.run} -c {chain.asked.catalog}` goes on "
            "with it once the cause is mended, and this command goes on after it"
        )
    return of_training(chain.catalog, row.run) if row.state == "finished" else None


def _train(kind: str, chain: Chain, hands: Hands) -> Made | None:
    data, init = chain.data(kind), chain.init(kind)
    if row_of(chain.catalog, chain.asked.run(kind)) is None:
        _check_later(kind, chain, hands)
    check_learnable(chain.asked, data, chain.asked.training(kind, init))
    if not hands.train(chain.asked, kind, data, init):
        return None
    return of_training(chain.catalog, chain.asked.run(kind))


def _check_later(kind: str, chain: Chain, hands: Hands) -> None:
    """Before the first training that costs days, and again when there are pairs: what would end a later one."""
    if kind == GENERATOR:
        hands.say("Checking on the clips what the editor's phases will need")
        check_fit(chain.asked, chain.data(kind))
        check_phases(chain.asked, chain.data(kind))
    elif kind == STRUCTURE:
        hands.say("Checking on the pairs what its experts will need")
        check_experts(chain.asked, chain.data(kind))


# -- promotion ----------------------------------------------------------------------------------------


def judged(chain: Chain) -> Judged:
    """Holds what was trained to the gates."""
    names = [chain.made[kind].what.removeprefix("run:") for kind in (STRUCTURE, *EXPERTS)]
    return judge(chain.catalog, names, chain.asked.gates)


def _validate(chain: Chain, _hands: Hands) -> Made:
    """Trainings measure at their ends; here it is seen what that is worth."""
    found = judged(chain)
    passed = len(found.checks) - len(found.failed)
    note = ", ".join(f"{one.uri} {one.gate.metric} {one.gate.said()}" for one in found.failed)
    return Made(f"{passed} of {len(found.checks)} gates", note=f"not passed: {note}" if note else "")


def promotion_of(chain: Chain) -> Promotion | None:
    """Returns the promotion of these very checkpoints, whatever was promoted since; None before they are all there."""
    if not chain.made.keys() >= {STRUCTURE, *EXPERTS}:
        return None
    wanted = {chain.made[kind].what for kind in (STRUCTURE, *EXPERTS)}
    found = (one for one in promotions(chain.catalog) if {each.uri for each in one.all} == wanted)
    return next(found, None)


def _promoted(chain: Chain) -> Made | None:
    """A bootstrap that is over doesn't promote again."""
    one = promotion_of(chain)
    return _of_promotion(one) if one else None


def _promote(chain: Chain, _hands: Hands) -> Made:
    return _of_promotion(promote(chain.catalog, judged(chain), chain.asked.anyway)[0])


def _of_promotion(one: Promotion) -> Made:
    note = f"anyway: {one.reason}" if one.reason else ""
    return Made(f"promotion {one.at:%Y-%m-%d %H:%M}", metrics=one.editor.measured, note=note)


STEPS = (
    Step(CLIPS, "a version of clips", _clips_done, _make_clips),
    Step(GENERATOR, "a generator that learned from it", partial(_trained, GENERATOR), partial(_train, GENERATOR)),
    Step(PAIRS, "a version of pairs, by that generator", _pairs_done, _make_pairs),
    Step(STRUCTURE, "an editor that learned from them", partial(_trained, STRUCTURE), partial(_train, STRUCTURE)),
    Step(LIP, "its lip expert", partial(_trained, LIP), partial(_train, LIP)),
    Step(TEXTURE, "its texture expert", partial(_trained, TEXTURE), partial(_train, TEXTURE)),
    Step(VALIDATE, "how they keep the gates", lambda _chain: None, _validate),
    Step(PROMOTE, "the catalog's editor", _promoted, _promote),
)  # fmt: skip
"""In order; each needs those before it."""
