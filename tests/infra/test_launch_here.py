"""The function without Ray: in this process and under torchrun; and the letterbox between workers and driver."""

import json
import os
import signal
import subprocess
import sys
import time

from infra.launch.here import in_process
from infra.launch.letterbox import Letterbox
from infra.launch.outcome import Ended, Fault
from tests.infra.counting import Count, count, refuse

TORCHRUN = """
import os, sys
from pathlib import Path
from infra.launch.here import local_channel
from tests.infra.counting import Count, count

file = Path(sys.argv[1] + os.environ["RANK"])
result = count(Count(file, 100_000), local_channel())
assert result == {"steps": int(file.read_text())}
"""


def test_in_process_it_finishes_stops_and_fails_like_anywhere(tmp_path):
    events: list[dict] = []
    ended = in_process(count, Count(tmp_path / "a", 5, pause_s=0), events.append, lambda: False)
    assert ended == Ended("finished", 1, result={"steps": 5})
    assert events[1:] == [{"step": n} for n in range(1, 6)]
    ended = in_process(count, Count(tmp_path / "b", 5, pause_s=0), events.append, lambda: len(events) >= 9)
    assert (ended.state, ended.result) == ("stopped", {"steps": 2})
    ended = in_process(refuse, str(tmp_path / "c"), events.append, lambda: False)
    assert ended.message == "tests.infra.counting.NoData: the dataset is empty (rank 0)"
    assert "in refuse" in ended.detail
    assert "here.py" not in ended.detail


def test_under_torchrun_events_are_lines_and_sigterm_lets_every_rank_save(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(TORCHRUN)
    run = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        str(file),
        f"{tmp_path}/steps",
    ]
    started = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    files = [tmp_path / "steps0", tmp_path / "steps1"]
    while not all(one.exists() for one in files) and started.poll() is None:
        time.sleep(0.1)
    os.kill(started.pid, signal.SIGTERM)
    lines = [json.loads(line) for line in started.communicate(timeout=60)[0].splitlines()]
    told = [line["step"] for line in lines if "step" in line]
    assert max(told) == max(int(one.read_text()) for one in files)


def test_an_event_is_kept_until_it_was_seen():
    box = Letterbox()
    assert not box.post([b"0", b"1"])
    assert box.read(0) == [b"0", b"1"]
    box.post([b"2"])
    assert box.read(1) == [b"1", b"2"], "the second was not seen, the driver was interrupted"
    assert box.read(3) == []
    box.stop()
    assert box.post([])


def test_a_refusal_counts_before_the_faults_that_follow_from_another():
    box = Letterbox()
    for fault in (Fault("first", ""), Fault("second", ""), Fault("refusal", "", final=True)):
        box.blame(fault)
    assert [fault.line for fault in box.faults()] == ["refusal", "first", "second"]
    assert box.faults() == []
