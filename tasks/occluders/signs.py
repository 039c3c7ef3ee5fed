"""Decides what signs that something is before a face amount to, and puts them in words.

Four signs, each from a clip alone: a hand whose outline lies over the face's lower half, lips of colours that are none of
this face, no mouth to be seen where one should be, and something that passes before the lower half. They say that a face
is covered, never by what or where exactly: no mask can be drawn of them. How they are measured: measuring.py, beside this.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.occluders.config import SignLimits

HAND, LIPS, BARE, PASSING = "hand over the lower face", "lips hidden", "no mouth seen", "something passes"
LASTING = 3
"""Frames: what is seen on fewer in a row is taken for blur."""


@dataclass(frozen=True)
class Signs:
    """What was seen on each of F frames."""

    limits: SignLimits
    hand_F: np.ndarray
    """Share of the lower face under a hand, as on the nearest frame on which hands were looked for."""
    lips_F: np.ndarray
    """Share of the lips whose colour is none of this face."""
    bare_F: np.ndarray
    """Whether there is no mouth to be seen."""
    passing_F: np.ndarray
    """Share of the lower face that is not as it mostly is."""

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """On which frames each sign is seen, bool (F)."""
        return {
            HAND: self.hand_F >= self.limits.hand_share,
            LIPS: self.lips_F >= self.limits.hidden_lips,
            BARE: self.bare_F,
            PASSING: self.passing_F >= self.limits.perhaps_passing,
        }

    @property
    def clear_F(self) -> np.ndarray:
        """Covered: one strong sign, or two that agree."""
        seen = self.by_name
        strong_F = seen[LIPS] | (self.passing_F >= self.limits.passing)
        return strong_F | (seen[PASSING] & (seen[HAND] | seen[BARE])) | (seen[HAND] & seen[BARE])

    @property
    def perhaps_F(self) -> np.ndarray:
        """Any sign: perhaps covered."""
        return np.any(list(self.by_name.values()), axis=0)

    @property
    def covered(self) -> bool:
        """Clearly, on too many frames."""
        return bool(self.clear_F.mean() > self.limits.covered_share)

    @property
    def worst(self) -> int | None:
        """The most suspicious frame, None without a sign."""
        shares_F = self.lips_F / self.limits.hidden_lips + self.passing_F / self.limits.passing
        strength_F = shares_F + sum(at_F.astype(float) for at_F in (*self.by_name.values(), self.clear_F))
        return int((strength_F * self.perhaps_F).argmax()) if self.perhaps_F.any() else None

    @property
    def words(self) -> str:
        """Which signs, on how many frames and how much; empty without one."""
        shares = {
            HAND: (self.hand_F, "it"),
            LIPS: (self.lips_F, "them"),
            PASSING: (self.passing_F, "the lower face"),
        }
        told = []
        for name, at_F in self.by_name.items():
            if at_F.any():
                share_F, of = shares.get(name, (None, ""))
                most = f" (up to {share_F.max():.0%} of {of})" if share_F is not None else ""
                told.append(f"{name} on {int(at_F.sum())}{most}")
        return f"{', '.join(told)} of {len(self.hand_F)} frames" if told else ""

    @property
    def reason(self) -> str:
        """Why a clip is refused."""
        return (
            f"{self.words}: the face is clearly covered on {int(self.clear_F.sum())} of them, and may be on at most "
            f"{self.limits.covered_share:.0%}; nothing here can paint around what covers it"
        )

    @property
    def scores(self) -> dict[str, Any]:
        """Columns that say how far an empty mask can be trusted."""
        clear, perhaps = bool(self.clear_F.any()), bool(self.perhaps_F.any())
        return {
            "stability": float(1 - self.perhaps_F.mean()),
            "stability_worst": 0.0 if clear else 0.5 if perhaps else 1.0,
            "worst_frame": self.worst,
        }


def lasting(value_F: np.ndarray, frames: int = LASTING) -> np.ndarray:
    """Returns the values without peaks that are shorter than so many frames: the most of the leasts (opening).

    Nothing is taken to go on before the first frame or after the last.
    """
    frames = min(frames, len(value_F))
    least_M = np.lib.stride_tricks.sliding_window_view(value_F, frames).min(1)
    return np.lib.stride_tricks.sliding_window_view(np.pad(least_M, frames - 1), frames).max(1)
