"""An engine on a cluster that wants a token: a node that goes costs no item, and one that comes has workers soon."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.infra.token_cluster import TokenCluster

ITEMS = 240
NOTICED_S = 60.0


@pytest.mark.chaos
def test_the_engine_follows_nodes_that_go_and_come_and_blames_no_item(tmp_path: Path) -> None:
    with TokenCluster(tmp_path, cpus=1) as cluster:
        lost = cluster.add(cpus=2)
        command = [sys.executable, "-m", "tests.infra.following", cluster.address, str(ITEMS)]
        driver = subprocess.Popen(
            command, env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = heard(driver, lost, NOTICED_S)
        cluster.lose()
        came = cluster.add(cpus=2)
        said += heard(driver, came, NOTICED_S)
        out, err = driver.communicate(timeout=300)
    assert out.splitlines()[-1] == f"{ITEMS} outcomes, {ITEMS} done, 0 failed", err
    assert lost in said
    assert came in said
    assert "Traceback" not in err


@pytest.mark.chaos
def test_a_small_stage_makes_way_for_a_large_one_whose_machine_has_gone(tmp_path: Path) -> None:
    """It stood on the only machine that is left to hold the large one, and has work for as long as that has."""
    with TokenCluster(tmp_path, cpus=1) as cluster:
        cluster.add(cpus=2)
        lost = cluster.add(cpus=3)
        command = [sys.executable, "-m", "tests.infra.making_way", cluster.address, "120"]
        driver = subprocess.Popen(
            command, env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            said = heard(driver, f"large {lost}", NOTICED_S)
            cluster.lose()
            out, err = driver.communicate(timeout=300)
        finally:
            driver.kill()
    places = {line for line in [*said, *out.splitlines()] if line.startswith("large")}
    assert out.splitlines()[-1] == "120 done, 0 failed", err
    assert len(places) == 2, places


def heard(driver: subprocess.Popen[str], node: str, seconds: float) -> list[str]:
    """What it said until an item was done on the node."""
    assert driver.stdout
    said: list[str] = []
    until = time.monotonic() + seconds
    while node not in said:
        line = driver.stdout.readline().strip()
        assert line, driver.communicate()
        assert time.monotonic() < until, f"{node} is not used; {said[-5:]}"
        said.append(line)
    return said
