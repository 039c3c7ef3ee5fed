"""The name of a computation: same fingerprint, same code, settings, weights and upstream.

What enters is what could change a result. Where it ran (profile, workers, batch sizes) never enters:
it is not even an argument here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Computation:
    """One fingerprint spelled out; a catalog keeps these, so that a row can be explained years later."""

    stage: str
    version: int
    config: Mapping[str, Any]
    weights: Mapping[str, str]
    upstream: Sequence[str]

    @property
    def fingerprint(self) -> str:
        return digest([self.stage, self.version, self.config, self.weights, list(self.upstream)])


def digest(value: Any, size: int = 8) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
