"""A training on two nodes of a local cluster goes on with one, whether the other was lost or said goodbye."""

import ast
import subprocess
import sys

import pytest


@pytest.mark.chaos
@pytest.mark.parametrize("how", ["lost", "drained"])
def test_a_smaller_world_goes_on_where_the_larger_one_was(tmp_path, how):
    command = [sys.executable, "-m", "tests.infra.two_nodes", how, str(tmp_path / "steps")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    *lines, ended = done.stdout.splitlines()
    events = [ast.literal_eval(line) for line in lines]
    starts = [(e["world"], e["at"] > 0) for e in events if "started" in e]
    assert starts == [(2, False), (2, False), (1, True)], done.stdout + done.stderr
    assert "state='finished', attempts=2, message='', result={'steps': 100, 'world': 1}" in ended
    if how == "drained":
        assert [e["message"] for e in events if "message" in e] == ["a node is about to be taken away"]
    assert done.stderr == ""
