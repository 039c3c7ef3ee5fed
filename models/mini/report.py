"""Measures the mini models on people none of them has seen, against the floors that they are held to.

    redub models report            all of them; exits non-zero when one is below a floor

A model's own module says how it is measured (`measure(reference, people)`) and what it must reach (`FLOORS`:
a number is the least, a pair the least and the most). The two oldest are wrapped here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from models.weights.references import ModelError

Floor = float | tuple[float | None, float | None]
Measure = Callable[[str, int], Mapping[str, float]]


@dataclass(frozen=True)
class Mini:
    """What is measured, by whom, and on how many strangers unless somebody asks for another number."""

    reference: str
    module: str
    people: int


@dataclass(frozen=True)
class Result:
    number: str
    value: float
    floor: Floor | None

    @property
    def good(self) -> bool:
        """A number without a floor is only told. NaN is never good enough."""
        if self.floor is None:
            return True
        least, most = self.floor if isinstance(self.floor, tuple) else (self.floor, None)
        return (least is None or self.value >= least) and (most is None or self.value <= most)


MINIS = (
    Mini("mini:face", "", 60),
    Mini("mini:identity", "", 150),
    Mini("mini:captioner", "models.mini.captioner", 200),
    Mini("mini:sam2", "models.mini.occluder", 40),
    Mini("mini:head", "models.mini.headfit", 40),
    Mini("mini:whisper", "models.mini.listener", 40),
    Mini("mini:syncnet", "models.mini.syncnet", 40),
    Mini("mini:clip", "models.mini.clip", 100),
    Mini("mini:vae", "models.mini.vae", 24),
)

FACE_FLOORS: dict[str, Floor] = {
    "found": 0.98,
    "found_occluded": 0.95,
    "crop_iou": 0.9,
    "landmarks": (None, 0.02),
    "angles_degrees": (None, 4.0),
    "false_positives": (None, 0.01),
}
IDENTITY_FLOORS: dict[str, Floor] = {"auc": 0.97}
SEED = 77
"""Of the scenes; that of the trainings is 1."""


def chosen(names: list[str]) -> list[Mini]:
    """Those named, with or without `mini:`; all when none is."""
    known = {mini.reference.removeprefix("mini:"): mini for mini in MINIS}
    for name in names:
        if name.removeprefix("mini:") not in known:
            raise ModelError(f"there is no mini model {name!r} to measure; there are: {', '.join(known)}")
    return [known[name.removeprefix("mini:")] for name in names] or list(MINIS)


def run(mini: Mini, people: int | None = None) -> list[Result]:
    """Everything that is told about one model; a floor whose number is missing is an error of its module."""
    try:
        measure, floors = _method(mini)
        numbers = measure(mini.reference, people or mini.people)
    except ModuleNotFoundError as error:  # trainings need more than the default install has
        raise ModelError(
            f"{mini.reference} cannot be measured: {error}; `uv sync` installs what it takes"
        ) from error
    missing = sorted(set(floors) - set(numbers))
    assert not missing, f"{mini.module} has floors for {missing} and does not measure them"
    return list(_results(numbers, floors))


def _results(numbers: Mapping[str, float], floors: Mapping[str, Floor]) -> Iterator[Result]:
    for number, value in numbers.items():
        yield Result(number, float(value), floors.get(number))


def _method(mini: Mini) -> tuple[Measure, Mapping[str, Floor]]:
    """Imported only now: training scripts are heavy."""
    if mini.reference == "mini:face":
        return _face, FACE_FLOORS
    if mini.reference == "mini:identity":
        return _identity, IDENTITY_FLOORS
    module = import_module(mini.module)
    return module.measure, module.FLOORS


def _face(reference: str, people: int) -> Mapping[str, float]:
    from models.faces.mini import MiniFaces
    from models.mini.measure import measure, unseen

    return measure(MiniFaces(reference), *unseen(SEED, people))


def _identity(reference: str, people: int) -> Mapping[str, float]:
    from models.faces.identity import ArcFaceEmbedder
    from models.mini.identity import measure

    return measure(ArcFaceEmbedder(reference), SEED, people)
