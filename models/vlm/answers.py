"""Reads what a vision-language model says: phrases in an answer, boxes in what ought to be JSON.

Models are asked for a word and say a sentence, in English or in Chinese; they are asked for JSON and fence it,
quote it otherwise, stop in its middle, or point beside the picture. What can be meant is taken as meant; what
can't is `Unclear`, or a box refused with a reason: a wrong guess here becomes a wrong mask on every frame.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
MOST_WORDS, MOST_LETTERS = 5, 40
"""Of a phrase: what is longer is no name of a thing."""
LEAST_SIDE = 0.01
"""Share of the picture's side; a narrower box is a line or a point."""
WHOLE = 0.97
"""Share of the picture from which on a box says nothing."""
MOST_BOXES = 4
"""Of one phrase on one frame: two hands have two."""
QUOTED = 80
"""Letters of an answer that a reason repeats."""

NONE = re.compile(
    r"(no|nope|none|nothing|nobody|null|nil|n/?a|not|empty|without)\b"
    r"|(the |their |his |her |a )?(person'?s? |whole |entire )*(face )?(is|are|was) "
    r"(not|n't|fully|completely|entirely|clearly|unobstructed|unoccluded|visible)\b"
    r"|(there|it) (is|are|was|were|does|do)(n'?t| not| no)\b"
    r"|\[\s*\]|\{\s*\}|没|沒|无|無|否|不|未|空$|脸部?(完全|清晰)?可见"
)
"""How an answer begins that names nothing."""
EXCEPTION = re.compile(r"\b(but|except|however|only|apart from|other than|besides)\b|但|除了|只有|不过")
"""What turns such a beginning round."""
REFUSAL = re.compile(
    r"(i'?m |i am )?(sorry|unable)\b|i (can'?t|cannot|can not|could not|couldn'?t)\b|as an ai\b|抱歉|对不起"
)
LEAD = re.compile(
    r"(yes|yeah|yep|sure|correct)\b[,.:;!\s]*|(是的?|有的?)[,，。、:：\s]*"  # noqa: RUF001
    r"|(there (is|are)|there's|it is|it's|this is|they are|(i|we) (can )?see|answer:?)\s+"
    r"|(the )?(\w+ )?(object|occluder)(s|\(s\))?( (is|are):?|:)\s*|object:\s*"
    r"|.*\b(occluded|covered|blocked|obscured|hidden)( in part| partly| partially)? by\s+"
)
"""What comes before the name of a thing, as often as it comes."""
TAIL = re.compile(
    r"\s*(\b(is|are|was|were|that|which|who|covers?|covering|occlud\w+|block\w+|hid(e|es|ing)|obscur\w+|"
    r"partially|partly|being|held|in front of|over|across|on|near|before|from)\b"
    r"|遮|挡|擋|盖|蓋|覆|在脸|在面).*$",
    re.DOTALL,
)
ARTICLE = re.compile(
    r"((a|an|the|some|one|two|several|his|her|their|its|my|your|person'?s|man'?s|woman'?s|speaker'?s|hers?)\s+)+"
    r"|[一两几][只个隻個部本杯支块塊条條顶頂副缕缕张張双雙些]"
)
BETWEEN = re.compile(
    r"\s*(?:[,;/&+\n|，、；]|\b(?:and|or|as well as|with|holding|holds)\b|\b\d+[.)]|和|与|與|及|以及|或|拿着)\s*"  # noqa: RUF001
)
NO_THING = re.compile(
    r"(\b(object|thing|something|item|face|mouth|person|man|woman|speaker|video|image|picture|frame)s?|物体|脸|人)$"
)
"""How a phrase ends that names no thing before a face."""
EDGES = " \t\r\n\"'`*_.!?:()[]{}<>-–•·。！？：“”‘’（）「」"  # noqa: RUF001
NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf(?:inity)?)"
LIST = re.compile(rf"\[\s*({NUMBER}(?:\s*,\s*{NUMBER})*)[\s,]*(\]|$)", re.IGNORECASE)
EMPTY = re.compile(r"\[\s*\]|\{\s*\}|null|none|nothing|not visible|没|沒|无|無", re.IGNORECASE)


class Unclear(ValueError):
    """An answer that can't be understood; says why, and repeats it."""


@dataclass(frozen=True)
class Boxes:
    """What one answer points at."""

    boxes: tuple[Box, ...]
    refused: tuple[str, ...]
    """Why the others can't be used; also when there was none to read. Empty when it said that there is none."""


def phrases(answer: str, most: int) -> list[str]:
    """Returns the things it names, without doubles, in order; none when it says in any way that there is nothing."""
    text = re.sub(r"[ \t]+", " ", answer).lower().replace("’", "'")  # noqa: RUF001
    text = text.strip(EDGES) or text.strip()
    if not text:
        raise Unclear("the answer is empty")
    if NONE.match(text):
        if EXCEPTION.search(text):
            raise Unclear(f"the answer says no and then something else: {_quoted(answer)}")
        return []
    parts = [] if REFUSAL.match(text) else BETWEEN.split(text)
    named = [phrase for phrase in dict.fromkeys(map(_phrase, parts)) if phrase and not NONE.match(phrase)]
    if not named or any(_is_no_name(phrase) for phrase in named):
        raise Unclear(f"the answer names no object: {_quoted(answer)}")
    if len(named) > most:
        raise Unclear(f"the answer names {len(named)} objects; more than {most} are a list, not a look")
    return named


def _phrase(part: str) -> str:
    """The name in a part of a sentence: without what leads to it, what follows, and its articles."""
    bare, before = part.strip(EDGES), ""
    while bare != before:
        before = bare
        for pattern in (LEAD, ARTICLE):
            if match := pattern.match(bare):
                bare = bare[match.end() :].strip(EDGES)
    return TAIL.sub("", bare, 1).strip(EDGES)


def _is_no_name(phrase: str) -> bool:
    too_long = len(phrase.split()) > MOST_WORDS or len(phrase) > MOST_LETTERS
    return too_long or NO_THING.search(phrase) is not None


def boxes(answer: str, width: int, height: int) -> Boxes:
    """Returns its boxes as shares of a picture of that size: every list of four numbers, however it is wrapped."""
    good: list[Box] = []
    refused: list[str] = []
    for values, ended in _lists(answer):
        why = _fault(values, ended, width, height)
        if why:
            refused.append(f"[{', '.join(f'{value:g}' for value in values)}] {why}")
        else:
            good.append(_clipped(values, width, height))
    if not good and not refused and not EMPTY.search(answer):
        refused.append(f"no box can be read in {_quoted(answer)}")
    good = list(dict.fromkeys(good))
    if len(good) > MOST_BOXES:
        good, refused = [], [f"{len(good)} boxes for one thing; more than {MOST_BOXES} are a guess"]
    return Boxes(tuple(good), tuple(refused))


def _lists(answer: str) -> Iterator[tuple[list[float], bool]]:
    """Innermost lists of numbers, and whether they come to an end: a cut one may lack half of a number."""
    for match in LIST.finditer(answer):
        yield [float(number) for number in match[1].split(",")], match[2] == "]"


def _fault(values: list[float], ended: bool, width: int, height: int) -> str:
    """Why this is no box in the picture; '' when it is one."""
    if not ended:
        return "is cut off"
    if len(values) != 4:
        return f"has {len(values)} numbers, not 4"
    if not all(math.isfinite(value) for value in values):
        return "is not finite"
    left, top, right, bottom = values
    if right <= left or bottom <= top:
        return "is empty or inverted"
    left, top, right, bottom = _clipped(values, width, height)
    if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
        return f"lies outside {width}x{height}, or is a line"
    return "is the whole picture" if (right - left) * (bottom - top) > WHOLE else ""


def _clipped(values: list[float], width: int, height: int) -> Box:
    left, top, right, bottom = (
        min(max(value / side, 0.0), 1.0)
        for value, side in zip(values, (width, height, width, height), strict=True)
    )
    return left, top, right, bottom


def _quoted(answer: str) -> str:
    short = " ".join(answer.split())
    return repr(short if len(short) <= QUOTED else short[:QUOTED] + "...")
