"""The packages keep their layout: no import circles, no look-alike or borrowed names, no long files.

import-linter holds which package may import which (`lint-imports`); this holds what it cannot.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("redub", "flows", "tasks", "models", "storage", "infra")
FOLDERS = ("redub", "flows", "tasks", "models", "storage", "infra")
"""Held to the rules so far, with their tests."""
LONGEST = 300
"""Lines of a file."""


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def held() -> list[Path]:
    return files(*FOLDERS, *(f"tests/{folder}" for folder in FOLDERS))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, everywhere: bool = False) -> Iterator[tuple[str, str]]:
    """Module and name of each import that runs when a file is imported, or of all of them `everywhere` in it."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree)) if everywhere else list(at_import(tree))
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All statements but those in functions, and those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import(child)


def graph() -> dict[str, set[str]]:
    """Module -> the modules of this project that importing it needs first."""
    paths = {module_of(path): path for path in files(*PACKAGES)}
    return {
        name: {target for found in imports(path) for target in targets(*found) if target in paths} - {name}
        for name, path in paths.items()
    }


def targets(module: str, name: str) -> set[str]:
    """`from a import b` may mean the module a.b, or a name in a."""
    return {module, f"{module}.{name}"}


def circles(needs: dict[str, set[str]]) -> list[list[str]]:
    """What is left when modules that need nothing, or that nobody needs, are taken away again and again."""
    left = dict(needs)
    while True:
        needed = {target for name in left for target in left[name]}
        kept = {name: left[name] & left.keys() for name in left if name in needed}
        kept = {name: on for name, on in kept.items() if on}
        if kept == left:
            return [sorted({name, *on}) for name, on in sorted(left.items())]
        left = kept


def test_no_module_imports_itself_by_way_of_others():
    found = [names for names in circles(graph()) if any(name.split(".")[0] in FOLDERS for name in names)]
    assert not found, f"these import each other, put what they share into a module of its own: {found}"


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"], ["b", "c"]]


def test_no_module_has_the_name_of_a_standard_one():
    found = [path for path in files(*FOLDERS) if path.stem in sys.stdlib_module_names]
    assert not found, f"a reader takes these for the standard library's, call them otherwise: {found}"


def test_no_two_modules_of_a_folder_differ_by_an_s():
    names = {path.with_suffix("") for path in held()} | {path.parent for path in held()}
    found = sorted(str(one.relative_to(ROOT)) for one in names if one.with_name(one.name + "s") in names)
    assert not found, f"these and the same with an s are taken for each other, rename one of them: {found}"


def test_files_are_short():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in held()}
    found = {name: count for name, count in lines.items() if count > LONGEST}
    assert not found, f"over {LONGEST} lines, split them where they hold two ideas: {found}"


def test_private_names_stay_in_their_module():
    found = [
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in held()
        for module, name in imports(path, everywhere=True)
        if module.split(".")[0] in (*PACKAGES, "tests") and name.startswith("_")
    ]
    assert not found, f"what others import needs no underscore: {found}"
