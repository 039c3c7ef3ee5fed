"""Measures the mini models on people none of them has seen, against the floors that they are held to.

    redub models report            all of them; exits non-zero when one is below a floor

Each model's measure.py says how it is measured (`measure(reference, people)`) and what it must reach (`FLOORS`: a
number is the least, a pair the least and the most).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from models.weights.references import ModelError

Floor = float | tuple[float | None, float | None]


@dataclass(frozen=True)
class Mini:
    """One mini model: which module measures it, and on how many strangers unless somebody asks for another number."""

    reference: str
    module: str
    people: int


@dataclass(frozen=True)
class Result:
    """One number that was measured."""

    number: str
    value: float
    floor: Floor | None

    @property
    def good(self) -> bool:
        """Whether the number is within its floor; without one it is only told. NaN is never good enough."""
        if self.floor is None:
            return True
        least, most = self.floor if isinstance(self.floor, tuple) else (self.floor, None)
        return (least is None or self.value >= least) and (most is None or self.value <= most)


MINIS = (
    Mini("mini:face", "models.mini.face.measure", 60),
    Mini("mini:identity", "models.mini.identity.measure", 150),
    Mini("mini:captioner", "models.mini.captioner.measure", 200),
    Mini("mini:sam2", "models.mini.sam2.measure", 40),
    Mini("mini:head", "models.mini.headfit.measure", 40),
    Mini("mini:whisper", "models.mini.whisper.measure", 40),
    Mini("mini:syncnet", "models.mini.syncnet.measure", 40),
    Mini("mini:clip", "models.mini.clip.measure", 100),
    Mini("mini:vae", "models.mini.vae.measure", 24),
    Mini("mini:generator", "models.mini.generator.measure", 24),
    Mini("mini:editor", "models.mini.editor.measure", 24),
    Mini("mini:editor-lip", "models.mini.editor.measure", 24),
)


def chosen(names: list[str]) -> list[Mini]:
    """Returns the models named, with or without `mini:`; all when none is."""
    known = {mini.reference.removeprefix("mini:"): mini for mini in MINIS}
    for name in names:
        if name.removeprefix("mini:") not in known:
            raise ModelError(f"there is no mini model {name!r} to measure; there are: {', '.join(known)}")
    return [known[name.removeprefix("mini:")] for name in names] or list(MINIS)


def run(mini: Mini, people: int | None = None) -> list[Result]:
    """Measures one model; a floor whose number is missing is an error of its module."""
    try:
        module = import_module(mini.module)  # only now: what it imports is heavy
        numbers: Mapping[str, float] = module.measure(mini.reference, people or mini.people)
    except ModuleNotFoundError as error:  # trainings need more than the default install has
        raise ModelError(
            f"{mini.reference} cannot be measured: {error}; `uv sync` installs what it takes"
        ) from error
    floors: Mapping[str, Floor] = module.FLOORS
    missing = sorted(set(floors) - set(numbers))
    assert not missing, f"{mini.module} has floors for {missing} and does not measure them"
    return list(_results(numbers, floors))


def _results(numbers: Mapping[str, float], floors: Mapping[str, Floor]) -> Iterator[Result]:
    for number, value in numbers.items():
        yield Result(number, float(value), floors.get(number))
