"""`redub doctor` on a real cluster of two nodes in token mode, one of which computes with other things than this machine."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.node_facts import CODE
from tests.infra.token_cluster import TokenCluster

HERE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    with TokenCluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


def doctor(cluster: TokenCluster, **env: str) -> tuple[int, str]:
    """From a folder of its own: a node that finds the code where this process runs would have no other."""
    command = [sys.executable, "-m", "flows", "doctor", "-r", "world", "-p", str(cluster.profile)]
    told = {"PYTHONPATH": str(HERE), "COLUMNS": "500"}
    ended = subprocess.run(
        command, cwd=cluster.folder, env=cluster.env | told | env, capture_output=True, text=True, timeout=300
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.chaos
def test_a_token_that_is_not_the_clusters_is_one_sentence(cluster: TokenCluster, tmp_path: Path) -> None:
    code, said = doctor(cluster)
    assert code == 0, said
    (tmp_path / "token").write_text("0" * 64)
    code, said = doctor(cluster, RAY_AUTH_TOKEN_PATH=str(tmp_path / "token"))
    assert code == 1
    assert "refuses the token of this machine, or misses one: copy ~/.ray/auth_token of its head node" in said
    assert "Traceback" not in said
    assert "gcs_client.cc" not in said


def test_every_node_is_asked_and_what_differs_is_said_with_its_remedy(
    cluster: TokenCluster, tmp_path: Path
) -> None:
    for part in CODE:
        shutil.copytree(HERE / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tasks" / "verdict.py").open("a").write("# changed on that node\n")
    (tmp_path / "models" / "mini" / "weights" / "face.safetensors").unlink()
    other = tmp_path / "pyarrow-1.2.3.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: pyarrow\nVersion: 1.2.3\n")
    second = cluster.add(PYTHONPATH=str(tmp_path))
    code, said = doctor(cluster)
    cluster.lose()
    assert code == 1, said
    assert any("weights as here" in line and line.startswith("ok") for line in said.splitlines()), said
    named = [line for line in said.splitlines() if f"({second[:8]})" in line]
    assert any(": code " in line and ", and here " in line for line in named), said
    assert any("pyarrow 1.2.3 (here " in line for line in named), said
    assert any("weights mini:face are missing" in line for line in named), said
    assert "there: redub models pull --recipe world" in said
    assert "2 nodes, 4 CPUs" in said


def test_a_stage_that_wants_more_memory_than_there_is_runs_alone_and_is_told(
    tmp_path: Path, run_command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    (tmp_path / "p.toml").write_text("[p]\ngpus = 0\nneeds.captions = { memory_gb = 1e5 }\n")
    said = run_command(
        "doctor", "-r", "world", "-p", str(tmp_path / "p.toml"), "-c", str(tmp_path / "catalog")
    )
    assert "stage captions: wants 100000 GB of memory a worker, no machine has more than" in " ".join(
        said.split()
    )
