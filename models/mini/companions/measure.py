"""Measures companions of strangers against the truth, and cuts of a clip into segments against one another.

Every number comes with half of its 95 % interval over people; each person is painted from several noises.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.companions.painter import Painter, Settings
from models.companions.segments import Cut
from models.dit.checkpoint import load
from models.mini.companions.codec import through_a_file
from models.mini.companions.films import FRAMES, Film, beginning, film_of, load_whisper
from models.mini.companions.intervals import Sure, over_people
from models.mini.companions.score import Judges, Score
from models.mini.generator.scores import correlated, leak
from models.mini.generator.strangers import FIRST
from models.vae.opening import load_vae

FLOORS: Mapping[str, tuple[float | None, float | None] | float] = {
    "opening_r": 0.65, "leak": (None, 0.1), "identity_share": 0.7, "outside_db": 35.0, "occluder_db": 35.0,
    "seam": (None, 1.1),
}  # fmt: skip
SHARES = ("identity_share",)
ALIKE = 0.85
"""Identity from which a pair is kept, as the stage pairverdict has it."""
SHORT = 77
"""Frames of the clips that are cut in several ways: the longest that the paper paints at once."""
CUTS = {"segments": Cut(25, 5, 2), "apart": Cut(25, 0), "once": Cut(SHORT, 5)}
"""25 frames of which 5 are the segment's before, 25 with nothing in common, and all in one pass."""
Scores = Sequence[Score]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What is found of one person: a score for each noise."""

    companions: list[Score]
    truth: list[Score]
    """What the judges say of the truth: one score."""
    cut: Mapping[str, list[Score]]
    """Of companions of the clip's first frames, by how it was cut."""


class Bench:
    """What paints and what judges, loaded once."""

    def __init__(self, generator: str = "mini:generator"):
        dit, vae = load(generator).eval(), load_vae("mini:vae")
        self.painters = {name: Painter(dit, vae, Settings(cut)) for name, cut in CUTS.items()}
        self.judges, self.whisper = Judges(), load_whisper()

    def found(self, person: int, seeds: int, frames: int = FRAMES, cuts: bool = True) -> Found:
        """Films a person, paints companions from so many noises, and judges them. `cuts`: whether to cut otherwise."""
        film = film_of(person, self.whisper, frames)
        borders = borders_of(CUTS["segments"], frames)
        truth = self.judges.score(film, through_a_file(film.truth_FHWC), borders)
        companions = self._companions("segments", film, seeds)
        if not cuts:
            return Found(companions, [truth], {})
        short = beginning(film, self.whisper, SHORT)
        return Found(companions, [truth], {name: self._companions(name, short, seeds) for name in CUTS})

    def _companions(self, cut: str, film: Film, seeds: int) -> list[Score]:
        clips = [film.to_paint(seed) for seed in range(seeds)]
        borders = borders_of(CUTS[cut], len(film.clip_FHWC))
        return [
            self.judges.score(film, through_a_file(made.rgb_FHWC), borders)
            for made in self.painters[cut].companions(clips)
        ]


def borders_of(cut: Cut, frames: int) -> list[int]:
    """Returns the first new frame of each segment but the first."""
    return [start + cut.motion for start in cut.starts(frames)[1:]]


def measured(bench: Bench, people: int, seeds: int, tell: Tell, cuts: bool = True) -> list[Found]:
    """Returns what is found of the first strangers that are for reports; `tell` hears how far it is."""
    found = []
    for number in range(people):
        tell(f"person {number + 1} of {people}")
        found.append(bench.found(FIRST + number, seeds, cuts=cuts))
    return found


def companions(found: Sequence[Found]) -> dict[str, Sure]:
    """Returns the numbers of companions."""
    return over_people([one.companions for one in found], numbers, SHARES)


def truths(found: Sequence[Found]) -> dict[str, Sure]:
    """Returns the same numbers of the truth."""
    return over_people([one.truth for one in found], numbers, SHARES)


def cut_otherwise(found: Sequence[Found], name: str) -> dict[str, Sure]:
    """Returns the numbers of companions that were cut like this."""
    return over_people([one.cut[name] for one in found], numbers, SHARES)


def difference(found: Sequence[Found], one: str, other: str) -> dict[str, Sure]:
    """Returns by how much the numbers of one cut are above those of the other, of the same people."""

    def apart(people: Sequence[Found]) -> dict[str, float]:
        ours, theirs = (numbers([person.cut[cut] for person in people]) for cut in (one, other))
        return {name: ours[name] - theirs[name] for name in ours}

    return over_people(found, apart)


def numbers(people: Sequence[Scores]) -> dict[str, float]:
    """Returns all numbers over these people and their noises; NaN for what none of them has."""
    scores = [score for person in people for score in person]
    identity = np.array([score.identity for score in scores])
    return {
        **_mouths([score.openings_3F for score in scores if score.clear]),
        "identity": float(identity.mean()),
        "identity_share": float((identity >= ALIKE).mean()),
        "sync_c": _mean([score.sync for score in scores]),
        "outside_db": _mean([score.outside_db for score in scores]),
        "occluder_db": _mean([score.occluder_db for score in scores]),
        "lips_db": _mean([score.lips_db for score in scores]),
        "seam": _mean([score.seam for score in scores]),
    }


def _mouths(openings_N3F: Sequence[np.ndarray]) -> dict[str, float]:
    """Over all frames of those whose lips can be read."""
    if not openings_N3F:
        return {"opening_r": float("nan"), "leak": float("nan")}
    read, wanted, was = np.stack(openings_N3F, 1)
    return {"opening_r": correlated(read, wanted), "leak": leak(read, wanted, was)}


def _mean(values: Sequence[float]) -> float:
    there = [value for value in values if np.isfinite(value)]
    return float(np.mean(there)) if there else float("nan")
