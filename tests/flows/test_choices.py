"""Stages that choose other items: whose choice is gone chooses again, and nothing of the old choice is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.versions.version import load_version
from tasks.stage import Annotate, Stage
from tests.flows.test_through import Duet, Partner
from tests.toy.inline import Ran, run_inline, write_words
from tests.toy.stages import Length, Lines


class Choosing(Partner):
    """The first of the others that are there; a choice once made stays."""

    chooses = True

    @dataclass(frozen=True)
    class Output:
        id: str
        partner: str | None
        text: str

    def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
        everyone = sorted({(row.text, row.id) for row in (*rows, *known)})
        return [
            self.Output(row.id, next((id for _, id in everyone if id != row.id), None), row.text)
            for row in rows
        ]


class Echo(Annotate):
    """What comes after the duet, and reads nothing through a name."""

    name = "echo"
    reads = (Duet,)

    @dataclass(frozen=True)
    class Input:
        id: str
        both: str

    @dataclass(frozen=True)
    class Output:
        id: str
        twice: str

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.Output(row.id, f"{row.both}, {row.both}") for row in rows]


def choosing(words: Path) -> Ran:
    made: tuple[Stage, ...] = (Lines(), Length(), Choosing(), Duet(), Echo())
    return run_inline(words, words.parent / "catalog", {stage.name: stage for stage in made})


def echoes(ran: Ran) -> list[str]:
    return sorted(load_version(ran.catalog, ran.version.tag)[1].to_table()["echo_twice"].to_pylist())


def doubled(*both: str) -> list[str]:
    return sorted(f"{one}, {one}" for one in both)


def test_whoever_named_one_that_is_gone_chooses_again_and_what_was_made_from_it_is_made_again(
    tmp_path: Path,
) -> None:
    words = write_words(tmp_path / "words", a="beta\ngamma", b="alpha")
    assert echoes(choosing(words)) == doubled("alpha / beta", "beta / alpha", "gamma / alpha")
    (words / "b.txt").unlink()
    again = choosing(words)
    assert echoes(again) == doubled("beta / gamma", "gamma / beta")
    assert [again.computed[name] for name in ("length", "partner", "duet", "echo")] == [0, 2, 2, 2]
    assert choosing(words).before.nothing_to_do
    write_words(words, b="alpha", c="aaaa")
    back = choosing(words)
    assert echoes(back) == doubled("beta / gamma", "gamma / beta", "alpha / beta", "aaaa / beta"), (
        "choices stay"
    )
    assert [back.computed[name] for name in ("partner", "duet", "echo")] == [1, 1, 1]


def test_a_kill_after_a_new_choice_leaves_nothing_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = write_words(tmp_path / "words", a="beta\ngamma", b="alpha")
    choosing(words)
    (words / "b.txt").unlink()

    def killed(self: Any, rows: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Duet, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            choosing(words)
    again = choosing(words)
    assert [again.computed[name] for name in ("partner", "duet", "echo")] == [0, 2, 2]
    assert echoes(again) == doubled("beta / gamma", "gamma / beta")
