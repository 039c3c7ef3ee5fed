"""Brings the README's tree up to date: files that are gone leave it, new ones enter with their docstring's start.

python docs/tree.py

A line that is there is kept as it is, so that it can be worded better than its docstring.
"""

import ast
import re
import subprocess
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
START, END = "flows/                    what people run", "```\n\n</details>"
FOLDERS = ("flows/", "tasks/", "models/", "storage/", "infra/", "tests/", "docs/")
NESTED = ("tasks/", "models/", "tests/")
FOLDER, INSIDE, OUTSIDE = r"(\S+/)\s{2,}(.*)", r"  (\S+)\s+(.*)", r"(\S+)\s{2,}(.*)"


def main() -> None:
    text = README.read_text()
    start = text.index(START)
    end = text.index(END, start)
    heads, known = read(text[start:end])
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], text=True)
    named = dict.fromkeys(re.sub(r"(/weights/[^/]+/).*", r"\1", f) for f in listed.split("\n"))
    files = [f for f in named if f and not f.endswith("__init__.py") and Path(f).exists()]
    README.write_text(text[:start] + "\n".join(lines(files, heads, known)) + "\n" + text[end:])


def read(tree: str) -> tuple[dict[str, str], dict[str, str]]:
    """What it says of each folder, and of each file by its path."""
    heads: dict[str, str] = {}
    known: dict[str, str] = {}
    folder = ""
    for line in tree.splitlines():
        if found := re.fullmatch(FOLDER, line):
            folder, heads[found[1]] = found[1], found[2]
        elif found := re.fullmatch(INSIDE, line):
            known[folder + found[1]] = found[2]
        elif found := re.fullmatch(OUTSIDE, line):
            known[found[1]] = found[2]
    return heads, known


def lines(files: list[str], heads: dict[str, str], known: dict[str, str]) -> list[str]:
    rank = {path: i for i, path in enumerate(known)}
    out = []
    for folder in FOLDERS:
        out.append(f"{folder:<26}{heads.get(folder, '')}")
        inside = sorted((f for f in files if f.startswith(folder)), key=lambda f: place(f, folder, rank))
        out += [f"  {f.removeprefix(folder) + ' ':<28}{known.get(f) or start_of(f)}" for f in inside]
    top = [f for f in files if not f.startswith(FOLDERS)]
    return out + [
        f"{f:<26}{known.get(f) or start_of(f)}" for f in sorted(top, key=lambda f: rank.get(f, 999))
    ]


def place(path: str, folder: str, rank: dict[str, int]) -> tuple:
    """In the order they are in; new files at the end of their own folder."""
    inner = path.rsplit("/", 1)[0] if folder in NESTED else ""
    return path.count("/") > 1 and folder in NESTED, inner, rank.get(path, len(rank)), path


def start_of(path: str) -> str:
    if not path.endswith(".py"):
        return "(say what it is)"
    doc = (ast.get_docstring(ast.parse(Path(path).read_text())) or "").split("\n\n")[0].replace("\n", " ")
    first = re.split(r"(?<=[a-z0-9)])[.:;] ", doc)[0].rstrip(".")
    return first if first[1:2].isupper() else first[:1].lower() + first[1:]


if __name__ == "__main__":
    main()
