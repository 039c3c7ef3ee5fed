"""A training that is stopped or killed goes on as if nothing had been."""

import json
import multiprocessing
import os
import random
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks.training.checkpoints import CheckpointError, Place, check
from tasks.training.loop import train
from tests.tasks.training.toy import Heard, ToyWindows, job, undisturbed

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_a_stopped_training_ends_with_a_checkpoint_and_goes_on_with_the_very_same_losses(tmp_path):
    whole = undisturbed(tmp_path / "whole")
    stopped = Heard(stop_after=5)
    assert train(job(tmp_path / "parts"), stopped) == {"step": 5, "stopped": True}
    resumed = Heard()
    assert train(job(tmp_path / "parts"), resumed) == {"step": 10, "stopped": False}
    assert resumed.steps[0]["step"] == 6
    assert stopped.losses | resumed.losses == whole.losses


def test_killed_twenty_times_it_ends_with_the_losses_and_weights_of_the_undisturbed_one(tmp_path):
    whole = undisturbed(tmp_path / "whole", steps=30)
    chance, log, killed = random.Random(5), tmp_path / "log", 0
    while killed < 20:
        found = Place(str(tmp_path / "killed")).newest()[0]
        at = (found.step if found else 0) + chance.randint(1, 4)
        _in_a_process(tmp_path / "killed", Heard(kill_at=min(at, 30), log=log), steps=30)
        killed += 1
    train(job(tmp_path / "killed", steps=30), last := Heard(log=log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["step"] for line in lines} == set(range(1, 31))
    assert all(whole.losses[line["step"]] == line["loss"] for line in lines)
    assert last.steps[-1]["step"] == 30
    assert _weights(tmp_path / "killed", 30) == _weights(tmp_path / "whole", 30)


def test_killed_while_a_checkpoint_is_written_the_one_before_it_is_taken(tmp_path):
    whole = undisturbed(tmp_path / "whole")
    train(job(tmp_path / "cut"), Heard(stop_after=7))
    os.remove(tmp_path / "cut" / "step-00000007" / "checkpoint.json")
    train(job(tmp_path / "cut"), resumed := Heard())
    assert resumed.steps[0]["step"] == 7
    assert all(whole.losses[step] == loss for step, loss in resumed.losses.items())


@pytest.mark.parametrize("worlds", [(1, 2, 1), (2, 1)])
def test_another_number_of_workers_sees_the_same_samples_and_loses_as_much(tmp_path, worlds):
    whole = undisturbed(tmp_path / "whole", steps=9)
    for number, world in enumerate(worlds):
        stop = 9 if number + 1 == len(worlds) else 3 * (number + 1)
        _on_workers(tmp_path / "changing", world, stop)
    told = [json.loads(line) for line in (tmp_path / "changing.log").read_text().splitlines()]
    assert [one["step"] for one in told] == list(range(1, 10))
    for one in told:
        assert float.fromhex(one["loss"]) == pytest.approx(float.fromhex(whole.losses[one["step"]]), rel=1e-4)


def test_a_truncated_checkpoint_is_named_and_the_previous_one_is_taken(tmp_path):
    train(job(tmp_path), Heard(stop_after=7))
    file = tmp_path / "step-00000007" / "state-0-of-1.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    train(job(tmp_path), heard := Heard())
    begins = heard.events[0]
    assert begins["step"] == 6
    assert "step-00000007/state-0-of-1.safetensors" in begins["wrong"][0]
    assert "truncated" in begins["wrong"][0]


def test_a_full_disk_leaves_the_previous_checkpoint_valid_and_says_so(tmp_path):
    process = FORK.Process(target=_with_little_room, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 7, "the writer should have been refused"
    found, wrong = Place(str(tmp_path)).newest()
    assert found is not None
    assert found.step == 3
    assert not wrong
    check(found)


def test_old_checkpoints_go_and_the_newest_stay(tmp_path):
    undisturbed(tmp_path, steps=10, save_every=2, keep=2)
    assert Place(str(tmp_path)).there() == [10, 8]


def test_a_checkpoint_that_something_was_made_with_is_spared(tmp_path):
    train(job(tmp_path, save_every=2, keep=1), Heard(stop_after=4))
    train(replace(job(tmp_path, save_every=2, keep=1), spared=frozenset({4})), Heard())
    assert sorted(Place(str(tmp_path)).there()) == [4, 10]


def _with_little_room(folder: Path) -> None:
    """Files may grow to a size that the first checkpoint has just fitted into."""
    import resource

    train(job(folder), Heard(stop_after=3))
    most = max(file.stat().st_size for file in (folder / "step-00000003").iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (most - 1, most - 1))
    try:
        train(job(folder), Heard())
    except CheckpointError as error:
        os._exit(7 if "make room" in str(error) else 8)
    os._exit(9)


def _in_a_process(folder: Path, heard: Heard, **changes) -> None:
    process = FORK.Process(target=train, args=(job(folder, **changes), heard))
    process.start()
    process.join()
    assert process.exitcode in (0, -9)


def _on_workers(folder: Path, world: int, stop: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [FORK.Process(target=_worker, args=(folder, rank, world, port, stop)) for rank in range(world)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * world


def _worker(folder: Path, rank: int, world: int, port: int, stop: int) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }  # fmt: skip
    torch.set_num_threads(1)
    log = folder.with_suffix(".log") if rank == 0 else None
    train(job(folder, ToyWindows(), steps=9), Heard(stop_after=stop, log=log))


def _weights(folder: Path, step: int) -> bytes:
    return (folder / f"step-{step:08d}" / "weights.safetensors").read_bytes()
