"""Where the home folder can't be written, a Ray that is started here gets its token all the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.ray_token import give_token

NO_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root itself may write where nobody may."""
START = """
from infra.cluster import start
from infra.profiles import load_profile
with start(load_profile("laptop")) as resources:
    print(resources.cpus)
"""


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which(NO_RIGHTS[0]), reason="only root is here")
def test_ray_starts_where_home_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    command = [*(NO_RIGHTS if os.getuid() == 0 else ()), sys.executable, "-c", START]
    env = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
    assert not list((tmp_path / "home").iterdir())


def test_no_token_is_given_where_ray_has_or_can_write_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    give_token()
    assert "RAY_AUTH_TOKEN" not in os.environ
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/elsewhere")
    monkeypatch.setenv("HOME", "/proc/none")
    give_token()
    assert "RAY_AUTH_TOKEN" not in os.environ
