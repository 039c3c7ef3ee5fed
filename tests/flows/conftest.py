"""The `redub` command in this process, for what doesn't start Prefect."""

import sys
from collections.abc import Callable

import pytest

from flows.command.main import main


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What it says on a terminal of 80 columns, and that it ends well, or not."""

    def run(*arguments: object, check: bool = True) -> str:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["redub", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert (not ended.value.code) == check, captured
        return captured.out + captured.err

    return run
