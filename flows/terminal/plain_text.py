r"""Makes text that others wrote fit for a terminal: no escape sequence of theirs moves the cursor or hides a line.

escape("a\x1b[2Jb[red]")    # a\x1b[2Jb and the bracket as such: one line of a name or a reason
paragraph(error)            # the same of a text of several lines
"""

import re
from collections.abc import Iterable
from typing import Any

from rich import markup
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

MOVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What is no letter: control characters, those that turn the direction of writing, and halves of characters."""
BREAKS = re.compile(rf"[\t\n]|{MOVES.pattern}")


def escape(text: str) -> str:
    """One line; markup in it means nothing."""
    return markup.escape(BREAKS.sub(_spelled, text))


def paragraph(text: str) -> str:
    """Lines stay lines; markup in them means nothing."""
    return markup.escape(MOVES.sub(_spelled, text))


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class PlainConsole(Console):
    """Prints no control character but rich's own, whoever forgot to spell it out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Overrides rich's: each piece of text passes here on its way to the terminal."""
        for segment in super().render(renderable, options):
            if segment.control or not MOVES.search(segment.text):
                yield segment
            else:
                yield Segment(MOVES.sub(_spelled, segment.text), segment.style)


def plain_console(**options: Any) -> Console:
    return PlainConsole(highlight=False, **options)
