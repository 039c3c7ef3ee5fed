"""What the documents say, taken apart: their fenced blocks, the commands in them, and what is named in backticks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README, INDEX, CONTRIBUTING = ROOT / "README.md", ROOT / "docs" / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = [README, CONTRIBUTING, ROOT / "models" / "mini" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("redub", "make", "pytest", "python")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+)`")
_ASSIGNED = re.compile(r"\b([A-Z]+)=\"([^\"]*)\"")


@dataclass(frozen=True)
class Command:
    """One command as a page shows it."""

    page: Path
    words: tuple[str, ...]
    whole: bool
    """It stands in a block and can be typed so; in running text options may be left out."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {' '.join(self.words)}"


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language; '' for those that name none."""
    return [text for named, text in _FENCE.findall(page.read_text()) if named == language]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """What stands in backticks in running text."""
    return _SPAN.findall(prose(page))


def commands(page: Path) -> list[Command]:
    return [*_typed(page), *_mentioned(page)]


def _typed(page: Path) -> list[Command]:
    shell = "\n".join(blocks(page, "sh")).replace("\\\n", " ")  # a line that goes on
    lines = [_expanded(line, dict(_ASSIGNED.findall(shell))) for line in shell.splitlines()]
    split = [_without_environment(shlex.split(line, comments=True)) for line in lines]
    return [Command(page, tuple(words), True) for words in split if words and words[0] in PROGRAMS]


def _mentioned(page: Path) -> list[Command]:
    known = dict(_ASSIGNED.findall("\n".join(blocks(page, "sh"))))
    split = [shlex.split(_expanded(span, known)) for span in spans(page) if span.split()[0] in PROGRAMS]
    return [Command(page, tuple(words), False) for words in split if len(words) > 1]


def _expanded(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"${name}", value)
    return text


def _without_environment(words: list[str]) -> list[str]:
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


def links(page: Path) -> list[str]:
    """Targets of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """What a link may name after #, made of the headings as GitHub does it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
