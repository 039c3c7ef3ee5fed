"""Brings text that runs right to left into the order in which it is drawn, and joins Arabic letters.

Fonts are drawn left to right, one glyph a character. So Hebrew and Arabic are turned round here, by a short
form of the Unicode bidirectional algorithm (UAX 9) for lines that as a whole run left to right, as file names
and numbers do; and each Arabic letter is replaced by the form that it has between its neighbours.
"""

from collections.abc import Sequence
from functools import cache
from unicodedata import bidirectional, combining, decomposition

ARABIC_FORMS = (range(0xFB50, 0xFE00), range(0xFE70, 0xFF00))
LAM, ALEFS, STROKE = "\u0644", "\u0622\u0623\u0625\u0627", "\u0640"
MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb", ")(][}{><\u00bb\u00ab")


def drawing_order(clusters: Sequence[str]) -> list[str]:
    """Each cluster is a character with the marks on it, which stay on it."""
    kinds = [bidirectional(cluster[0]) for cluster in clusters]
    if not {"R", "AL", "AN"} & set(kinds):
        return list(clusters)
    levels = _levels(kinds)
    turned = [c.translate(MIRRORED) if level == 1 else c for c, level in zip(clusters, levels, strict=True)]
    order = list(range(len(turned)))
    for least in (2, 1):
        _reverse_runs(order, [levels[i] >= least for i in order])
    return [turned[i] for i in order]


def _levels(kinds: Sequence[str]) -> list[int]:
    """0 runs left to right, 1 right to left; 2 is a number within the latter."""
    levels: list[int | None] = []
    strong = "L"
    for i, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            strong = kind
            levels.append(0 if kind == "L" else 1)
        elif kind in ("EN", "AN"):
            levels.append(0 if strong == "L" and kind == "EN" else 2)
        elif kind in ("CS", "ES") and 0 < i < len(kinds) - 1 and kinds[i - 1] == kinds[i + 1] in ("EN", "AN"):
            levels.append(levels[-1])  # the point in 2.5
        else:
            levels.append(None)
    return _with_neutrals(levels)


def _with_neutrals(levels: Sequence[int | None]) -> list[int]:
    """Signs and spaces go with their neighbours where both run right to left."""
    before, after = list(levels), list(levels)
    for i in range(1, len(levels)):
        before[i] = before[i - 1] if levels[i] is None else levels[i]
        after[-1 - i] = after[-i] if levels[-1 - i] is None else levels[-1 - i]
    return [
        level if level is not None else int(bool(before[i]) and bool(after[i]))
        for i, level in enumerate(levels)
    ]


def _reverse_runs(order: list[int], wanted: Sequence[bool]) -> None:
    start = 0
    for i in range(len(order) + 1):
        if i == len(order) or not wanted[i]:
            order[start:i] = order[start:i][::-1]
            start = i + 1


def joined_arabic(text: str) -> str:
    """Letters in their initial, medial, final or isolated form."""
    forms = _forms()
    if not any(char in forms for char in text):
        return text
    units = _units(text)
    letters = [i for i, unit in enumerate(units) if not combining(unit[0])]
    out = units.copy()
    for k, i in enumerate(letters):
        own = forms.get(units[i], {})
        before = forms.get(units[letters[k - 1]], {}) if k else {}
        after = forms.get(units[letters[k + 1]], {}) if k + 1 < len(letters) else {}
        to_before, to_after = "initial" in before and "final" in own, "initial" in own and "final" in after
        form = ("medial" if to_after else "final") if to_before else ("initial" if to_after else "isolated")
        out[i] = own.get(form, units[i])
    return "".join(out)


def _units(text: str) -> list[str]:
    """Characters, but lam and alef are written as one."""
    units: list[str] = []
    for char in text:
        if char in ALEFS and units and units[-1] == LAM:
            units[-1] += char
        else:
            units.append(char)
    return units


@cache
def _forms() -> dict[str, dict[str, str]]:
    """Letter, or lam and alef -> name of the form -> the character that is drawn."""
    found = {STROKE: dict.fromkeys(("isolated", "initial", "medial", "final"), STROKE)}
    for number in (number for block in ARABIC_FORMS for number in block):
        kind, *codes = decomposition(chr(number)).split() or [""]
        letters = "".join(chr(int(code, 16)) for code in codes) if kind.startswith("<") else ""
        if len(letters) == 1 or (len(letters) == 2 and letters[0] == LAM and letters[1] in ALEFS):
            found.setdefault(letters, {}).setdefault(kind.strip("<>"), chr(number))
    return found
