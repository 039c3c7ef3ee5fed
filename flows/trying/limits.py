"""Which scores of a clip decide, beside the limits that the verdict holds them to, in words of every day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.pairverdict import LIMITS, Limit, PairVerdictConfig
from tasks.verdict import VerdictConfig

Kind = Literal["number", "share", "count"]


@dataclass(frozen=True)
class Score:
    """One number of a clip, and what it has to keep."""

    name: str
    label: str
    value: float | None
    least: float | None
    most: float | None
    kept: bool
    judged: bool
    """False: the verdict weighs it with others, so it says nothing alone."""
    settings: tuple[str, ...]
    kind: Kind
    unit: str
    main: bool
    """Worth a line in a terminal, too."""

    @property
    def said(self) -> str:
        """The value as people read it."""
        return "-" if self.value is None else _said(self.value, self.kind, self.unit)

    @property
    def limits(self) -> str:
        """What it has to keep, likewise."""
        least, most = (
            None if one is None else _said(one, self.kind, self.unit) for one in (self.least, self.most)
        )
        if least and most:
            return f"{least} to {most}"
        said = f"at least {least}" if least else f"at most {most}"
        return said if self.judged else f"{said} (weighed with others)"


@dataclass(frozen=True)
class _Measured:
    column: str
    label: str
    least: str = ""
    most: str = ""
    kind: Kind = "number"
    unit: str = ""
    main: bool = False
    with_others: str = ""
    """The code of the rejection for which the verdict weighs it with others: it says nothing alone."""


_MEASURED = (
    _Measured("face_px", "face", "min_face_px", unit=" px", main=True),
    _Measured("sharpness", "sharpness", "min_sharpness", main=True),
    _Measured("exposure", "brightness of the face", "min_exposure", "max_exposure", main=True),
    _Measured("dark_share", "nearly black frames", most="max_dark_share", kind="share"),
    _Measured("bright_share", "nearly white frames", most="max_bright_share", kind="share"),
    _Measured("yaw_max", "head turned away", most="max_yaw", unit="\N{DEGREE SIGN}", main=True),
    _Measured("lost_share", "frames with the face lost", most="max_lost_share", kind="share", main=True),
    _Measured("outside_share", "beyond the picture's edge", most="max_outside_share", kind="share"),
    _Measured("jump_cuts", "jump cuts", most="max_jump_cuts", kind="count"),
    _Measured("frozen_share", "frames where nothing moves", most="max_frozen_share", kind="share", main=True),
    _Measured("mouth_motion", "motion of the lips", "min_mouth_motion", main=True),
    _Measured("loudness_db", "loudness", "min_loudness_db", unit=" dB", main=True),
    _Measured("silence_share", "silence", most="max_silence_share", kind="share", main=True),
    _Measured("clipping_share", "clipped samples", most="max_clipping_share", kind="share"),
    _Measured("nonfinite_audio", "samples that are no number", most="max_nonfinite", kind="count"),
    _Measured("speech_share", "speech", "min_speech_share", kind="share", main=True),
    _Measured("music_share", "music", most="max_music_share", kind="share", with_others="music"),
    _Measured("beat", "regular beat", most="max_beat", with_others="music"),
    _Measured("lip_strength", "lips fit the sound", "min_lip_strength", main=True, with_others="sync_unknown"),
    _Measured("lip_lag_frames", "sound late by", most="max_lip_lag_frames", kind="count", unit=" frames",
              with_others="out_of_sync"),
)  # fmt: skip


def scores_of(rows: Mapping[str, Mapping[str, Any]], limits: VerdictConfig, code: str = "") -> list[Score]:
    """Of one clip, from its rows of `ingest` and `quality`; none as long as it has no such rows.

    `code`: of its rejection, if it was rejected.
    """
    have = dict(rows.get("ingest", {})) | dict(rows.get("quality", {}))
    return [_score(one, have[one.column], limits, code) for one in _MEASURED if one.column in have]


def _score(one: _Measured, value: float | None, limits: VerdictConfig, code: str) -> Score:
    least = getattr(limits, one.least) if one.least else None
    most = getattr(limits, one.most) if one.most else None
    kept = value is None or one.with_others not in ("", code) or _keeps(value, least, most)
    named = tuple(f"verdict.{name}" for name in (one.least, one.most) if name)
    return Score(
        one.column,
        one.label,
        value,
        least,
        most,
        kept,
        not one.with_others,
        named,
        one.kind,
        one.unit,
        one.main,
    )


def _keeps(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or abs(value) <= most)


def _said(value: float, kind: Kind, unit: str) -> str:
    if kind == "share":
        return f"{value:.0%}" if value == 0 or value >= 0.01 else f"{value:.2%}"
    return f"{value:.0f}{unit}" if kind == "count" or abs(value) >= 100 else f"{value:.2g}{unit}"


def pair_scores_of(rows: Mapping[str, Mapping[str, Any]], limits: PairVerdictConfig) -> list[Score]:
    """Of a clip and its companion, likewise; only scores that have a limit."""
    have = rows.get("pairscores", {})
    return [
        _pair_score(one, have[one.column], bound)
        for one in LIMITS
        if one.column in have and (bound := one.of(limits)) is not None
    ]


def _pair_score(limit: Limit, value: float | None, bound: float) -> Score:
    least, most = (bound if limit.bound == kind else None for kind in ("least", "most"))
    kept = value is None or _keeps(value, least, most)
    named = (f"pairverdict.{limit.setting}",)
    return Score(
        limit.column,
        limit.column.replace("_", " "),
        value,
        least,
        most,
        kept,
        True,
        named,
        "number",
        "",
        True,
    )
