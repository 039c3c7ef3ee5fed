"""Looks at a generator with strangers of the procedural world, of whom it is known what they should look like.

What counts is the PSNR on the lips against the true rendering: it falls as much for a mouth that opens at the wrong
moment as for a blurred one, and no network has a say in it, whose own faults the training could learn to please. The
opening that landmarks see says why it rose or fell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from torch import nn

from models.dit.painting import Sampling
from models.mini.generator.measure import measured
from models.mini.generator.people import SEGMENT
from models.mini.generator.strangers import Stranger, strangers
from models.mini.world_clips import FPS
from storage.drawing.side_by_side import film_grid, film_video
from tasks.training.objective import Validation
from tasks.training.reached import Reached
from tasks.training.seen_windows import RATE

FIRST = 100
"""Strangers from here on are looked at; those from 200 on are what is reported of a net when it is done."""
FIRST_SHOWN = ("psnr_lips", "psnr_mask", "opening_r", "leak", "identity")


@dataclass(frozen=True)
class WorldValidator:
    """So many strangers, filmed when they are first needed and then kept in memory."""

    people: int = 8
    vae: str = "mini:vae"
    whisper: str = "mini:whisper"
    higher_is_better: bool = True

    def __call__(self, net: nn.Module, _step: int) -> Validation:
        who = self._strangers
        found, made_NFHWC = measured(cast(Any, Reached(net)), who, Sampling(), vae=self.vae)
        return Validation({name: found[name] for name in FIRST_SHOWN} | found, self._pictures(made_NFHWC))

    @cached_property
    def _strangers(self) -> list[Stranger]:
        return strangers(FIRST, self.people, self.vae, self.whisper)

    def __getstate__(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def _pictures(self, made_NFHWC: np.ndarray) -> Mapping[str, bytes]:
        truth, source = (np.stack([one.pair.rgb_2FHWC[k] for one in self._strangers]) for k in (0, 1))
        shown = {"source": source, "truth": truth, "made": made_NFHWC}
        sounds = [_heard(one) for one in self._strangers]
        return {"people.png": film_grid(shown), "people.mp4": film_video(shown, sounds, FPS, RATE)}


def _heard(one: Stranger) -> np.ndarray:
    """The sound that goes with the frames."""
    said, each = one.pair.said[0], RATE // FPS
    sound = said.sound[said.start * each : (said.start + SEGMENT) * each]
    return np.pad(sound, (0, SEGMENT * each - len(sound)))
