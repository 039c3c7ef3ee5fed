"""A training says how hard it works, and what keeps it: data that comes late, one worker that is slow."""

import multiprocessing
import os
import socket

import pytest
import torch

from infra import sharding
from tasks.training.effort import effort_of
from tasks.training.generator import Generator
from tasks.training.pacing import EVERY, Pacing, late, slow
from tests.tasks.training.toy import Heard, ToyWindows, recipe, undisturbed

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_every_step_tells_memory_and_its_share_of_the_peak(tmp_path):
    for step in undisturbed(tmp_path, steps=3).steps:
        assert 1e7 < step["memory"] < 1e12
        assert 0 < step["mfu"] < 1


def test_operations_are_counted_three_times_the_forward_pass_and_grow_with_the_samples():
    objective, windows, cpu = Generator(recipe()), ToyWindows(), torch.device("cpu")
    net = objective.build(windows, cpu)
    state = torch.get_rng_state()
    four, eight = (effort_of(objective, net, windows, share, cpu, "fp32") for share in (4, 8))
    assert eight.operations == 2 * four.operations
    weights = sum(
        one.numel() for name, one in net.named_parameters() if ".blocks" in f".{name}" and one.ndim == 2
    )
    tokens = 4 * (1 + 3) * 4 * 4  # of a reference frame and three latents, if no token were a patch
    assert 3 * 2 * weights * tokens / 16 < four.operations < 3 * 2 * weights * tokens * 4
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training


def test_waiting_for_data_is_told_once_with_what_to_do():
    sharding.begin()
    try:
        pacing = Pacing(0, 1)
        told = [text for _ in range(3 * EVERY) for text in pacing.saw(1.0, 0.12, 1.0)]
        quiet = Pacing(0, 1)
        assert not [text for _ in range(3 * EVERY) for text in quiet.saw(1.0, 0.01, 1.0)]
    finally:
        sharding.end()
    assert len(told) == 1
    assert "waits for data 12% of the time: raise loaders" in told[0]


def test_the_first_step_does_not_count_for_readers_have_only_just_started():
    sharding.begin()
    try:
        pacing = Pacing(0, 1)
        first = pacing.saw(9.0, 9.0, 9.0)
        assert not first + [text for _ in range(EVERY) for text in pacing.saw(1.0, 0.0, 1.0)]
    finally:
        sharding.end()


def test_a_slow_worker_is_named_by_the_first_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [FORK.Process(target=_paced, args=(rank, port, tmp_path / str(rank))) for rank in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told = [(tmp_path / str(rank)).read_text() for rank in range(3)]
    assert "worker 2 takes 2.0 times as long as the others" in told[0]
    assert told[1:] == ["", ""]


def _paced(rank: int, port: int, file) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": "3", "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }  # fmt: skip
    sharding.begin()
    pacing, busy = Pacing(rank, 3), 2.0 if rank == 2 else 1.0
    told = [text for _ in range(EVERY + 1) for text in pacing.saw(busy, 0.0, 2.0)]
    sharding.end()
    file.write_text("\n".join(told))


def test_what_is_usual_is_not_told():
    assert late([0.01, 0.05]) == ""
    assert slow([1.0, 1.2, 1.0]) == {}
    assert list(slow([1.0, 1.0, 1.4])) == [2]


def test_heard_events_say_where_the_training_runs(tmp_path):
    heard: Heard = undisturbed(tmp_path, steps=1)
    assert heard.events[0]["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
