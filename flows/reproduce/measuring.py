"""Measures variants on strangers of the procedural world, once for each noise, and keeps what was seen of each person.

What is kept follows from the weights, how they are sampled, the people, the noise and what judges them; so a variant is
measured anew when one of these changes, and printed from its file when none does.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from flows.reproduce.plan import Variant
from flows.reproduce.sharing import Elsewhere
from models.dubbing.request import Settings
from models.mini.editor.measure import edited, opened
from models.mini.generator.measure import COMPANION, Use, dubbed
from models.mini.generator.scores import Seen, seen_of
from models.mini.generator.strangers import FIRST, Stranger, sounds_of, strangers
from models.mini.held import held
from models.weights.digests import digest, write_whole

CODE = 1
"""Raise it when the code's films or numbers change: all is then measured anew."""
JUDGES = ("mini:vae", "mini:whisper", "mini:face", "mini:identity", "mini:clip")
BY_ITSELF = Use(pasted=False, near=False)


class Bench:
    """The strangers that are measured on, filmed when they are first needed; none of them was used for any choice."""

    def __init__(self, folder: Path, people: int):
        self.folder, self.people = folder, people

    @cached_property
    def strangers(self) -> list[Stranger]:
        return strangers(FIRST, self.people)

    def known(self, variant: Variant, noise: int) -> bool:
        """Whether it was measured before. Its weights have to be there."""
        return self._file(variant, noise).is_file()

    @contextmanager
    def alone(self, variant: Variant, noise: int) -> Iterator[None]:
        """Holds one measurement; Elsewhere while another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = int(self._file(variant, noise).stem, 16) >> 2  # a file's places have 63 bits
        with ExitStack() as stack:
            try:
                stack.enter_context(held(self.folder / ".lock", place, wait=False))
            except BlockingIOError as busy:
                raise Elsewhere(variant.name) from busy
            yield

    def seen(self, variant: Variant, noise: int) -> list[Seen]:
        """What is seen of each person; measured when it is not known."""
        file = self._file(variant, noise)
        if not file.is_file():
            made = [films(variant, self.strangers, sound, noise) for sound in sounds_of(self.strangers)]
            found = [_plain(one) for one in seen_of(self.strangers, *made)]
            write_whole(file, json.dumps({"of": self._said(variant, noise), "seen": found}))
        return [_seen(one) for one in json.loads(file.read_text())["seen"]]

    def _file(self, variant: Variant, noise: int) -> Path:
        said = json.dumps(self._said(variant, noise), sort_keys=True)
        return self.folder / f"{sha256(said.encode()).hexdigest()[:16]}.json"

    def _said(self, variant: Variant, noise: int) -> dict[str, Any]:
        """All that it follows from."""
        weights = [variant.weights, *(one.reference for one in variant.experts)]
        return {
            "weights": [digest(one) for one in weights], "helped": variant.helped, "sampled": asdict(variant.sampled),
            "people": [FIRST, self.people], "noise": noise, "judges": [digest(one) for one in JUDGES], "code": CODE,
        }  # fmt: skip


def films(variant: Variant, people: list[Stranger], sound_NFNA: Tensor, noise: int) -> np.ndarray:
    """Returns what a variant makes of the sources, uint8 (N, F, H, W, 3)."""
    net = opened(variant.weights, [one.reference for one in variant.experts])
    sampled = variant.sampled
    if isinstance(sampled, Settings):
        return edited(net, people, sound_NFNA, sampled, noise)
    return dubbed(
        net, people, sound_NFNA, sampled, noise, "mini:vae", COMPANION if variant.helped else BY_ITSELF
    )


def _plain(seen: Seen) -> dict[str, Any]:
    arrays = {"mouths_3F2": seen.mouths_3F2.tolist(), "quiet_2F": seen.quiet_2F.tolist()}
    return {**asdict(seen), **arrays}


def _seen(plain: dict[str, Any]) -> Seen:
    arrays = {name: np.array(plain[name], float) for name in ("mouths_3F2", "quiet_2F")}
    squares = {name: (float(sum_), int(count)) for name, (sum_, count) in plain["squares"].items()}
    return Seen(**{**plain, **arrays, "squares": squares})
