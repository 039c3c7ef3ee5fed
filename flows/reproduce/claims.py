"""Holds the claims that are judged, as data, and judges them: each says of one number which of two variants is better.

A claim about a variant or a number that does not exist is refused when it is written down, at import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from flows.reproduce.plan import NAMES
from models.mini.companions.intervals import Sure

Verdict = Literal["holds", "does not hold", "not told apart"]


@dataclass(frozen=True)
class Metric:
    """A number, in words."""

    words: str
    higher_is_better: bool = True
    digits: int = 3


METRICS: Mapping[str, Metric] = {
    "opening_r": Metric("mouth's opening follows the sound's truth, r"),
    "width_r": Metric("mouth's width does, r"),
    "leak": Metric("mouth follows the source's lips instead", False),
    "opening_r_occluded": Metric("opening, something before the face, r"),
    "silent_motion": Metric("mouth's motion in silence", False),
    "silent_follows_source": Metric("that follows the source's lips, r", False),
    "psnr_full": Metric("PSNR, whole picture, dB", digits=2),
    "ssim_full": Metric("SSIM, whole picture"),
    "psnr_mask": Metric("PSNR, lower face, dB", digits=2),
    "psnr_lips": Metric("PSNR, lips, dB", digits=2),
    "psnr_lips_of_the_source": Metric("PSNR, lips as the source has them, dB", digits=2),
    "clip_likeness": Metric("likeness to the truth, CLIP"),
    "identity": Metric("identity"),
}


@dataclass(frozen=True)
class Claim:
    """A variant is better than another in one number, or better than a bound."""

    name: str
    metric: str
    ours: str
    theirs: str | float
    paper: str = ""
    """The numbers in which the paper has it, as text."""

    def __post_init__(self) -> None:
        for one in sorted(self.about - set(NAMES)):
            raise ValueError(
                f"the claim {self.name!r} is about {one!r}, which is not compared; there are: {', '.join(NAMES)}"
            )
        if self.metric not in METRICS:
            raise ValueError(
                f"the claim {self.name!r} is about {self.metric!r}, which is not measured; there are: {', '.join(METRICS)}"
            )

    @property
    def about(self) -> set[str]:
        """Names of the variants."""
        return {one for one in (self.ours, self.theirs) if isinstance(one, str)}

    @property
    def compared(self) -> str:
        """What with what."""
        if isinstance(self.theirs, str):
            return f"{self.ours} over {self.theirs}"
        return f"{self.ours} {'over' if METRICS[self.metric].higher_is_better else 'under'} {self.theirs:g}"

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.compared}"


@dataclass(frozen=True)
class Judged:
    """A claim, by how much the number of ours is above theirs, and what follows."""

    claim: Claim
    apart: Sure
    verdict: Verdict


def judged(claim: Claim, apart: Sure) -> Judged:
    """It holds (or not) when the interval of the difference lies on one side of 0."""
    better = apart.value if METRICS[claim.metric].higher_is_better else -apart.value
    if not isfinite(better) or not isfinite(apart.plus_minus) or abs(better) <= apart.plus_minus:
        return Judged(claim, apart, "not told apart")
    return Judged(claim, apart, "holds" if better > 0 else "does not hold")


OURS = ("structure", "with lip", "editor")
"""The editor after its first phase, with the expert that its usual sampling reaches, and with both."""


def _over_teachers(name: str, metric: str, paper: str = "") -> list[Claim]:
    """The editor, after its first phase and with experts, over its teacher, and over one that trained as long."""
    both = [(ours, theirs) for ours in OURS for theirs in ("generator", "control")]
    return [Claim(name, metric, *each, paper) for each in both]


UNHELPED = ("opening_r", "psnr_lips", "psnr_full", "ssim_full", "identity")

CLAIMS: tuple[Claim, ...] = (
    *_over_teachers("lips follow the sound", "opening_r", "so in Sync-C, 8.56"),
    *_over_teachers("lips look like the truth", "psnr_lips", "editor's LMD .630"),
    *_over_teachers("occluded clips", "opening_r_occluded", "success 96.4 % of ContextDubBench"),
    *_over_teachers("mouth shut in silence", "silent_motion", "so, without a number"),
    *_over_teachers("no source's lips in silence", "silent_follows_source"),
    *_over_teachers("full-frame PSNR", "psnr_full", "editor's PSNR 34.4"),
    *_over_teachers("full-frame SSIM", "ssim_full", "editor's SSIM .934"),
    *_over_teachers("likeness to the truth", "clip_likeness", "editor's LPIPS .014"),
    *_over_teachers("identity", "identity", "editor's CSIM .883"),
    *(Claim("over a generator without help", one, "structure", "generator*") for one in UNHELPED),
    Claim("token concat", "opening_r", "structure", "channel concat", "Sync-C 8.56 to 7.49"),
    Claim("noise near 1", "opening_r", "structure", "uniform t", "Sync-C 8.56 to 3.85"),
    Claim("noise near 1, pictures", "psnr_full", "structure", "uniform t", "FID 7.03 to 18.5"),
    Claim("lip phase", "opening_r", "editor", "texture only", "Sync-C 8.56 to 7.68"),
    Claim("lip phase", "opening_r", "lip only", "no experts", "Sync-C 8.56 to 7.68"),
    Claim("lip phase", "opening_r", "with lip", "structure", "Sync-C 8.56 to 7.68"),
    Claim("texture phase", "identity", "editor", "lip only", "CSIM .883 to .847"),
    Claim("texture phase", "identity", "texture only", "no experts", "CSIM .883 to .847"),
    *(Claim("hardly any leak", "leak", ours, 0.1) for ours in OURS),
)
