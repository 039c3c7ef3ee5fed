"""Says which networks are compared, and by which trainings each comes to be. Data: nothing here computes.

    variants = variants_of(BUDGETS["small"])
    trainings_of(variants)          # each once, parents first

All begin from the shipped generator, so what differs is what they were taught afterwards. What each is, and why it is
in the comparison, docs/reproducing.md says in words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from json import dumps

from flows.environment import DATA
from flows.training.data import find_data
from flows.training.driver import LOADED
from flows.training.recipes import load_training
from models.dit.painting import Sampling
from models.dubbing.request import Settings
from models.dubbing.suited import MINI_SAMPLING
from models.weights.digests import digest
from models.weights.runs import RUN
from storage.ledger.catalog import Catalog
from tasks.training.recipe import TrainRecipe

GENERATOR = "mini:generator"
NOT_LEARNT = ("save_every", "keep", "validate_every", "validate_on")
"""Settings of a recipe that change nothing of the weights."""
CODE = 1
"""Raise it when the code's trainings change: all are then done anew, under other names."""
KEPT = ("save_every=50", "keep=1")
"""What comes of a training besides its last weights is seldom looked at."""
FIRST_PART = ("crop=10", "optimizer.warmup=30", "optimizer.decay=0.4")
"""Of a net that learns as a whole: squares round the mouth, which are cheaper, before whole pictures."""
SECOND_PART = ("optimizer.warmup=30", "optimizer.decay=0.5")
SEEDS_APART = 10
"""So far the seeds of a second training of all are from those of the first."""
LOW = ("alpha=2",)
"""Of an editor's second part: low noise as well, where what pictures look like is learnt."""
EDITED = MINI_SAMPLING
"""As the mini editor is sampled: in few steps, the last of which the lip expert takes."""
EXPERTLY = replace(EDITED, steps=4, shift=1.25)
"""With a step at which each expert is on. What experts do is told from an editor without any that is sampled so, too."""
PAINTED = Sampling()
STARRED = replace(PAINTED, steps=EDITED.steps)
"""The generator used as an editor has as many steps as one."""


@dataclass(frozen=True)
class Budget:
    """How long is trained, and on how many people of the world."""

    crop: int
    """Steps on squares round the mouth, of nets that learn as a whole."""
    whole: int
    """And on whole pictures."""
    expert: int
    """Of each LoRA expert."""
    batch: int = 8
    people: int = 600
    looked_at: int = 4
    """People with whom a net is looked at when its training ends; no weight follows from it."""


BUDGETS = {"small": Budget(600, 300, 100), "full": Budget(1800, 900, 300)}


@dataclass(frozen=True)
class Planned:
    """One training. It begins from another one's last weights, or from weights that are shipped."""

    label: str
    kind: str
    settings: tuple[str, ...]
    steps: int
    people: int
    parent: "Planned | None" = None

    @cached_property
    def name(self) -> str:
        """What it is called: another recipe, other data or another parent give another name."""
        return f"{self.label}-{sha256(dumps(self._learnt, sort_keys=True).encode()).hexdigest()[:10]}"

    @property
    def reference(self) -> str:
        """Of its last weights."""
        return f"{RUN}{self.name}@{self.steps}"

    @property
    def data(self) -> str:
        return f"world:people={self.people}"

    @cached_property
    def recipe(self) -> TrainRecipe:
        init = self.parent.reference if self.parent else GENERATOR
        return load_training(
            self.kind, "mini", [*KEPT, *self.settings, f"steps={self.steps}", f"init={init}"]
        )

    @property
    def _learnt(self) -> dict[str, object]:
        """All that its weights follow from."""
        given = self.recipe.model_dump(mode="json").items()
        recipe = {field: value for field, value in given if value != "" and field not in NOT_LEARNT}
        networks = [str(recipe.get(field, "")) for field in LOADED]
        shipped = [one for one in networks if one and not one.startswith(RUN)]
        people = find_data(Catalog(str(DATA)), self.data, self.recipe)
        return {
            "kind": self.kind, "recipe": recipe, "data": [self.data, people.digest],
            "networks": {one: digest(one) for one in shipped}, "code": CODE,
        }  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One column of the comparison: a net, the experts over it, and how it is used."""

    name: str
    sampled: Settings | Sampling
    """An editor's settings, or a generator's."""
    net: Planned | None = None
    """None: the generator as it is shipped."""
    experts: tuple[Planned, ...] = ()
    helped: bool = True
    """Of a generator: it is laid over the source, and its reference is the source's first frame."""

    @property
    def weights(self) -> str:
        return self.net.reference if self.net else GENERATOR


NAMES = (
    "generator", "control", "generator*", "structure", "with lip", "no experts", "lip only", "texture only",
    "editor", "uniform t",
    "channel concat",
)  # fmt: skip


def variants_of(budget: Budget, again: int = 0) -> tuple[Variant, ...]:
    """All that are compared, in the order of `NAMES`; trained once, or `again` with other seeds."""
    control = in_two_parts("control", "generator", budget, again)
    structure = in_two_parts("structure", "structure", budget, again)
    uniform = in_two_parts("uniform", "structure", budget, again, "times=uniform")
    over = in_two_parts("over", "structure", budget, again, "companion=over")
    lip, texture = (expert_over(structure, kind, budget, again) for kind in ("lip", "texture"))
    found = (
        Variant("generator", PAINTED),
        Variant("control", PAINTED, control),
        Variant("generator*", STARRED, control, helped=False),
        Variant("structure", EDITED, structure),
        Variant("with lip", EDITED, structure, (lip,)),
        Variant("no experts", EXPERTLY, structure),
        Variant("lip only", EXPERTLY, structure, (lip,)),
        Variant("texture only", EXPERTLY, structure, (texture,)),
        Variant("editor", EXPERTLY, structure, (lip, texture)),
        Variant("uniform t", EDITED, uniform),
        Variant("channel concat", EDITED, over),
    )
    assert tuple(one.name for one in found) == NAMES
    return found


def in_two_parts(label: str, kind: str, budget: Budget, again: int = 0, *settings: str) -> Planned:
    """A net that learns as a whole: the second training, whose parent is the first."""
    given = (*given_by(budget), *settings)
    earlier, later = (*FIRST_PART, seed(1, again)), (*SECOND_PART, seed(2, again))
    first = Planned(f"{label}-crop", kind, (*given, *earlier), budget.crop, budget.people)
    low = () if kind == "generator" else LOW
    return Planned(f"{label}-whole", kind, (*given, *later, *low), budget.whole, budget.people, first)


def given_by(budget: Budget) -> tuple[str, ...]:
    """Settings of all its trainings."""
    return f"batch={budget.batch}", f"validate_on={budget.looked_at}"


def seed(part: int, again: int) -> str:
    """Of a part of a variant's training."""
    return f"seed={part + SEEDS_APART * again}"


def expert_over(editor: Planned, kind: str, budget: Budget, again: int = 0) -> Planned:
    """A LoRA expert's training."""
    settings = (*given_by(budget), seed(3, again))
    return Planned(kind, kind, settings, budget.expert, budget.people, editor)


def trainings_of(variants: Iterable[Variant]) -> list[Planned]:
    """Each once, parents first."""
    nets: list[Planned] = []
    for one in variants:
        nets += [net for net in (one.net, *one.experts) if net]
    return list(dict.fromkeys(each for net in nets for each in line_of(net)))


def line_of(net: Planned) -> Iterator[Planned]:
    """Its ancestors, the first one first, and itself."""
    if net.parent:
        yield from line_of(net.parent)
    yield net


def chosen(variants: Sequence[Variant], names: Sequence[str]) -> tuple[Variant, ...]:
    """Those of some names; all where none is given."""
    return tuple(one for one in variants if not names or one.name in names)
