"""What each stage made, as one short line: of all the rows of a try, or of one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def line_of(stage: str, rows: Rows) -> str:
    """Of rows that were accepted; a stage that nobody told this file of is only counted."""
    say = LINES.get(stage)
    return say(rows) if say and rows else f"{len(rows)} ok"


def _probe(rows: Rows) -> str:
    whole = [row for row in rows if row["part"] == 0]
    seconds = sum(row["duration_s"] for row in whole)
    if len(whole) > 1:
        return f"{len(whole)} videos, {seconds:.1f} s in all"
    (row,) = whole
    sound = (
        f"sound {row['audio_codec']} {row['sample_rate'] / 1000:g} kHz" if row["audio_codec"] else "no sound"
    )
    part = f", 1 part of {len(rows)} looked at" if len(rows) > 1 else ""
    return f"{seconds:.1f} s, {row['width']}x{row['height']}, {row['fps']:.3g} fps, {row['video_codec']}, {sound}{part}"


def _ingest(rows: Rows) -> str:
    lengths = [row["frames"] / row["fps"] for row in rows]
    faces = [row["face_px"] for row in rows]
    return (
        f"{_count(len(rows), 'clip')} of {_range(lengths, 's', '.1f')}, the face {_range(faces, 'px', '.0f')}"
    )


def _quality(rows: Rows) -> str:
    return f"{_count(len(rows), 'clip')} scored"


def _verdict(rows: Rows) -> str:
    in_step = sum(row["sync"] == "in_step" for row in rows)
    if in_step == len(rows):
        return f"{len(rows)} accepted, the sound in step"
    return f"{len(rows)} accepted, {in_step} of them with the sound surely in step"


def _screen(rows: Rows) -> str:
    looked = sum(row["looked_at"] for row in rows)
    return f"{looked} looked at by a person" if looked else "nobody needs to look at the masks"


def _relight(rows: Rows) -> str:
    return f"{sum(row['relit'] for row in rows)} of {_count(len(rows), 'pair')} in a second light"


def _pairverdict(rows: Rows) -> str:
    return f"{len(rows)} accepted"


def _captions(rows: Rows) -> str:
    found = [phrase for row in rows for phrase in row["occluders"]]
    clear = sum(not row["occluders"] for row in rows)
    named = ", ".join(dict.fromkeys(found))
    if not named:
        return "nothing in front of the face"
    return f"in front of the face: {named}" + (f"; nothing in {clear} of {len(rows)} clips" if clear else "")


def _occluders(rows: Rows) -> str:
    doubtful = sum(row["stability"] < 1 and not row["objects"] for row in rows)
    if doubtful:
        return f"{doubtful} of {_count(len(rows), 'clip')} perhaps with something in front of the face"
    if all(row["empty"] for row in rows):
        return "nothing in front of the face"
    things, covered = sum(row["objects"] for row in rows), max(row["face_share"] for row in rows)
    return f"{_count(things, 'thing')} followed, at most {covered:.0%} of a face covered"


def _facemask(rows: Rows) -> str:
    shares = [100 * row["face_share"] for row in rows]
    return f"{_range(shares, '%', '.0f')} of the picture may be repainted"


def _hearing(rows: Rows) -> str:
    return f"{_count(sum(row['positions'] for row in rows), 'vector')} of what is heard"


def _speakers(rows: Rows) -> str:
    people = dict.fromkeys(f"{row['speaker']} (split {row['split']})" for row in rows)
    return f"{len(people)} {'person' if len(people) == 1 else 'people'}: {', '.join(list(people)[:2])}"


def _partner(rows: Rows) -> str:
    others = sum(row["how"] == "other_utterance" for row in rows)
    same = sum(row["how"] == "same_clip" for row in rows)
    parts = [f"{others} to speak another utterance"] * bool(others) + [
        f"{same} to speak the other half of its own clip, for want of another"
    ] * bool(same)
    return "; ".join(parts) or f"{len(rows)} ok"


def _companion(rows: Rows) -> str:
    return f"{_count(len(rows), 'companion')} painted, with other lips"


def _pairscores(rows: Rows) -> str:
    alike, apart = ([row[name] for row in rows] for name in ("identity", "lip_distance"))
    return f"likeness {_range(alike, '', '.2f')}, lips {_range(apart, 'px', '.1f')} apart"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def _range(values: Sequence[float], unit: str, how: str) -> str:
    low, high = f"{min(values):{how}}", f"{max(values):{how}}"
    gap = "" if unit in ("", "%") else " "
    return f"{low if low == high else f'{low} to {high}'}{gap}{unit}"


LINES: Mapping[str, Callable[[Rows], str]] = {
    "probe": _probe, "ingest": _ingest, "quality": _quality, "verdict": _verdict, "captions": _captions,
    "occluders": _occluders, "screen": _screen, "facemask": _facemask, "hearing": _hearing, "speakers": _speakers,
    "partner": _partner, "companion": _companion, "relight": _relight, "pairscores": _pairscores,
    "pairverdict": _pairverdict,
}  # fmt: skip
