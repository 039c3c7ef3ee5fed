"""The documents are true: commands, settings, links, files and tables that they name are there."""

import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.bootstrapping.asked import Asked, by_phase, check_asked
from flows.command.main import app
from flows.errors import RecipeError
from flows.recipe_files import load_recipe, load_world
from flows.recipes import STAGES, Recipe
from flows.training.recipes import TRAININGS, load_training
from infra.profiles import built_in_names, load_profile
from models.dit.presets import PRESETS
from tests.docs.pages import (
    INDEX,
    PAGES,
    README,
    ROOT,
    Command,
    anchors,
    blocks,
    commands,
    links,
    prose,
    spans,
)

ALL = [command for page in PAGES for command in commands(page)]
FOLDERS = ("flows", "tasks", "models", "storage", "infra", "tests", "docs")
OTHERS = {"--frozen", "--help", "--extra"}
"""Options of uv, and one of all commands."""
SHELL = typer.main.get_command(app)


def of(program: str) -> list[Command]:
    return [command for command in ALL if command.words[0] == program]


def found(words: tuple[str, ...]) -> tuple[Any, list[str]]:
    """The command that words lead to, and what is left of them."""
    at, rest = SHELL, list(words)
    while rest and hasattr(at, "commands") and not rest[0].startswith("-") and rest[0] != "GROUP":
        assert rest[0] in at.commands, f"there is no command {rest[0]!r} among {', '.join(at.commands)}"
        at = at.commands[rest.pop(0)]
    return at, rest


@pytest.mark.parametrize("command", of("redub"), ids=str)
def test_commands_of_redub_exist_with_their_options(command: Command) -> None:
    at, rest = found(command.words[1:])
    options = {"--help"} | {name for parameter in at.params for name in names_of(parameter)}
    unknown = [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in options]
    assert not unknown, f"{at.name} has {', '.join(sorted(options))}"
    if command.whole:
        at.make_context(at.name, rest)


@pytest.mark.parametrize("command", of("redub"), ids=str)
def test_settings_recipes_and_profiles_exist(command: Command) -> None:
    named = list(zip(command.words, command.words[1:], strict=False))
    settings = [value for option, value in named if option == "--set"]
    trains = command.words[:2] == ("redub", "train")
    if trains and settings:
        load_training(command.words[2], "mini", settings)
    if command.words[:2] == ("redub", "bootstrap"):
        gates = [value for option, value in named if option == "--gate"]
        check_asked(Asked("mine", "videos", "catalog", overrides=by_phase(settings), gates=gates))
    elif not trains:
        check_settings(settings)
    for option, value in named:
        if option in ("-r", "--recipe") and not value.endswith(".toml"):
            load_training(command.words[2], value) if trains else load_recipe(value)
        if option in ("-p", "--profile") and ".toml" not in value:
            load_profile(value)


def check_settings(settings: list[str]) -> None:
    load_world([s for s in settings if s.startswith("render.")])
    load_recipe("world", [s for s in settings if not s.startswith("render.")])


def check_settings_of_any(settings: list[str]) -> None:
    """A training has them, or else a rebuild."""
    for kind in TRAININGS:
        with suppress(RecipeError):
            load_training(kind, "mini", settings)
            return
    check_settings(settings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_alone_exist(page: Path) -> None:
    """In running text it isn't said of which command: some command has to have it."""
    known = {
        name for command in leaves(SHELL) for parameter in command.params for name in names_of(parameter)
    }
    for words in (shlex.split(span) for span in spans(page) if span.startswith("--")):
        assert words[0] in known | OTHERS, words
        if words[0] == "--set":
            check_settings_of_any(words[1:])


def leaves(command: Any) -> list[Any]:
    return [leaf for inner in getattr(command, "commands", {}).values() for leaf in leaves(inner)] or [
        command
    ]


def names_of(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def test_files_of_settings_can_be_read(tmp_path: Path) -> None:
    for page in PAGES:
        for text in blocks(page, "toml"):
            file = tmp_path / "my.toml"
            file.write_text(text)
            load_recipe(str(file)) if "base =" in text else load_profile(str(file))


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {word for command in of("make") for word in command.words[1:]} <= targets


def test_what_python_and_pytest_are_given_exists() -> None:
    for command in of("pytest") + of("python"):
        for word in command.words[1:]:
            assert "/" not in word or (ROOT / word).exists(), command
        if command.words[:2] == ("python", "-m"):
            module = command.words[2].replace(".", "/")
            assert (ROOT / f"{module}.py").is_file() or (ROOT / module / "__main__.py").is_file(), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), link
        assert not anchor or anchor in anchors(other), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    places = re.findall(rf"\b(?:{'|'.join(FOLDERS)})/[\w./-]*\.py\b", page.read_text())
    places += [span for span in spans(page) if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", span)]
    for place in places:  # a package may be a folder or one file
        assert (ROOT / place).exists() or (ROOT / f"{place.rstrip('/')}.py").is_file(), place
    names = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    for span in spans(page):
        assert not re.fullmatch(r"\w+\.py", span) or span in names, span


def test_the_front_page_is_short_and_shows_every_command() -> None:
    text = README.read_text()
    assert len(text.encode()) < 10_000
    for name in SHELL.commands:  # type: ignore[attr-defined]
        assert f"`redub {name}" in text, name


def test_the_index_links_every_page() -> None:
    pages = {page.name for page in INDEX.parent.glob("*.md")} - {INDEX.name}
    assert pages <= set(links(INDEX))
    assert pages <= {link.removeprefix("docs/") for link in links(README)}


def test_diagrams_show_the_stages_in_their_order() -> None:
    drawn = [block for page in PAGES for block in blocks(page, "mermaid")]
    assert drawn
    for block in drawn:
        assert re.findall(r"\[(\w+): ", block) == [name for name in Recipe.model_fields if name in STAGES]


def test_tables_of_profiles_and_presets_are_whole() -> None:
    for page, names in (("profiles-and-clusters", built_in_names()), ("the-network", list(PRESETS))):
        rows = re.findall(r"^\| `([\w.-]+)`", prose(ROOT / "docs" / f"{page}.md"), re.M)
        assert set(names) <= set(rows)
