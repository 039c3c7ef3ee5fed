"""SyncNet in the loop: its loss by hand, running statistics that resume exactly, a net at chance, what is exported."""

import json
import multiprocessing
import os
import random
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.mini.syncnet.windows import WorldLips, WorldPlan
from models.mini.world_clips import make_clip
from models.sync.contrast import contrast, told_apart
from models.sync.net import MINI, PRESETS
from models.sync.pieces import lip_pieces, sound_pieces
from models.sync.syncnet import SyncNet, load
from models.weights.references import resolve
from tasks.training.chance import chance
from tasks.training.checkpoints import Place
from tasks.training.in_sync import measured
from tasks.training.loop import train
from tasks.training.suspicion import ENOUGH, Suspicion, above_chance
from tasks.training.syncnet import SyncNetObjective
from tests.tasks.training.toy import Heard
from tests.tasks.training.toy_lips import TINY, ToyLips, job, recipe

FORK = multiprocessing.get_context("fork")
pytestmark = pytest.mark.usefixtures("one_thread")
STATISTICS = "netcnnlip.1.running_mean"


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(PRESETS, "mini", TINY)


def test_the_loss_is_that_of_finding_ones_own_among_all_pieces_seen_from_either_side():
    rng = np.random.default_rng(0)
    lips_ND, sound_ND = rng.normal(size=(2, 4, 3))
    apart_NN = np.array([[np.linalg.norm(one - other) for other in sound_ND] for one in lips_ND])
    by_lips = -np.log([np.exp(-apart_NN[n, n]) / np.exp(-apart_NN[n]).sum() for n in range(4)])
    by_sound = -np.log([np.exp(-apart_NN[n, n]) / np.exp(-apart_NN[:, n]).sum() for n in range(4)])
    found = contrast(torch.from_numpy(lips_ND)[None], torch.from_numpy(sound_ND)[None])
    assert float(found) == pytest.approx((by_lips.mean() + by_sound.mean()) / 2)


def test_sound_in_sync_is_told_from_the_same_sound_moved_over_the_same_lips():
    rng = np.random.default_rng(1)
    lips_ND, sound_ND = rng.normal(size=(2, 9, 3))
    right = []
    for shift in range(2, 9):
        for sign in (1, -1):
            pairs = [(n, n + sign * shift) for n in range(9) if 0 <= n + sign * shift < 9]
            moved = np.mean([np.linalg.norm(lips_ND[n] - sound_ND[m]) for n, m in pairs])
            own = np.mean([np.linalg.norm(lips_ND[n] - sound_ND[n]) for n, _ in pairs])
            right.append(moved > own)
    found = told_apart(torch.from_numpy(lips_ND)[None], torch.from_numpy(sound_ND)[None])
    assert float(found[0]) == pytest.approx(np.mean(right))
    assert told_apart(torch.full((1, 9, 3), torch.nan), torch.zeros(1, 9, 3)).isnan().all()


def test_a_piece_is_five_frames_and_the_sound_of_them():
    lips = lip_pieces(torch.arange(25.0).expand(2, 3, 25).reshape(2, 3, 25, 1, 1))
    sound = sound_pieces(torch.arange(100.0).expand(2, 13, 100))
    assert lips.shape == (2, 21, 3, 5, 1, 1)
    assert sound.shape == (2, 21, 13, 20)
    assert lips[1, 7, 2, :, 0, 0].tolist() == [7, 8, 9, 10, 11]
    assert sound[1, 7, 5].tolist() == list(range(28, 48))


def test_what_a_sample_looks_like_follows_from_its_chance_alone():
    objective, batch = SyncNetObjective(recipe()), ToyLips().__getitems__([0, 1])
    net = objective.build(ToyLips(), torch.device("cpu")).eval()

    def loss(*places: int, samples=slice(None)) -> float:
        some = {key: value[samples] for key, value in batch.items()}
        return objective.loss(net, some, [chance(3, 0, place) for place in places]).value.item()

    assert loss(0, 1) == loss(0, 1) != loss(2, 3)
    one, other = loss(0, samples=slice(1)), loss(1, samples=slice(1, 2))
    assert loss(0, 1) == pytest.approx((one + other) / 2, rel=1e-4)


@pytest.mark.chaos
def test_killed_again_and_again_it_ends_with_the_statistics_of_the_undisturbed_one_bit_for_bit(tmp_path):
    train(job(tmp_path / "whole", steps=14), whole := Heard())
    chances, log = random.Random(5), tmp_path / "log"
    for _ in range(6):
        found = Place(str(tmp_path / "killed")).newest()[0]
        at = min((found.step if found else 0) + chances.randint(1, 4), 14)
        heard = Heard(kill_at=at, log=log)
        process = FORK.Process(target=train, args=(job(tmp_path / "killed", steps=14), heard))
        process.start()
        process.join()
        assert process.exitcode in (0, -9)
    train(job(tmp_path / "killed", steps=14), Heard(log=log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["step"] for line in lines} == set(range(1, 15))
    assert all(whole.losses[line["step"]] == line["loss"] for line in lines)
    for file in ("weights.safetensors", "state-0-of-1.safetensors"):
        assert _file(tmp_path / "killed", 14, file) == _file(tmp_path / "whole", 14, file)
    state = load_file(tmp_path / "whole" / "step-00000014" / "state-0-of-1.safetensors")
    assert int(state["netcnnlip.1.num_batches_tracked|value"]) == 14
    assert not torch.equal(state[f"{STATISTICS}|value"], state[f"{STATISTICS}|average"])


def test_workers_agree_on_statistics_so_that_two_of_them_resume_exactly_too(tmp_path):
    for stops in ((6,), (3, 6)):
        for stop in stops:
            _on_two_workers(tmp_path / str(len(stops)), stop)
    whole, parts = ((tmp_path / f"{count}.log").read_text() for count in (1, 2))
    assert whole == parts
    assert _file(tmp_path / "1", 6) == _file(tmp_path / "2", 6)


def test_a_step_that_is_left_out_leaves_no_trace_in_the_statistics(tmp_path):
    """Batch normalisation spreads one sample that is not finite over all of its batch."""
    train(job(tmp_path, ToyLips(12, bad=(5,)), steps=6), heard := Heard())
    out = [event for event in heard.steps if event["left_out"]]
    assert len(out) == 2, "twelve samples in batches of four: one of three steps an epoch sees it"
    assert not any("in_sync" in event for event in out)
    assert all(torch.isfinite(torch.tensor(event["loss"])) for event in heard.steps if event not in out)
    for file in ("weights.safetensors", "state-0-of-1.safetensors"):
        last = load_file(tmp_path / "step-00000006" / file)
        assert all(one.isfinite().all() for one in last.values())
    assert int(last["netcnnlip.1.num_batches_tracked|value"]) == 4


def test_what_is_exported_is_a_syncnet_that_scores_a_clip(tmp_path, monkeypatch):
    train(job(tmp_path / "toy", steps=3), Heard())
    monkeypatch.setenv("REDUB_RUNS", str(tmp_path))
    clip = make_clip(1, 3, 30)
    by_path = SyncNet(str(tmp_path / "toy" / "step-00000003" / "weights.safetensors"))
    by_name = SyncNet("run:toy@3")
    assert (by_path.sizes.side, list(by_path.sizes.lips)) == (TINY.side, list(TINY.lips))
    found = by_path.score(clip.rgb_FHWC, clip.five_F52, clip.sound)
    assert np.isfinite([found.confidence, found.distance]).all()
    assert found == by_name.score(clip.rgb_FHWC, clip.five_F52, clip.sound)


def test_a_training_goes_on_from_weights_of_the_same_sizes(tmp_path):
    train(job(tmp_path / "first", steps=3), Heard())
    file = tmp_path / "first" / "step-00000003" / "weights.safetensors"
    net = SyncNetObjective(recipe(init=str(file))).build(ToyLips(), torch.device("cpu"))
    assert all(torch.equal(one, net.state_dict()[name]) for name, one in load_file(file).items())


def test_misaligned_windows_are_told_of_once_and_good_ones_are_not(tmp_path):
    texts = []
    for misaligned in (False, True):
        windows = ToyLips(400, misaligned)
        heard = Heard(stop_after=24)
        train(job(tmp_path / str(misaligned), windows, steps=60, batch=8, save_every=60, average=0), heard)
        texts.append([event["text"] for event in heard.events if event["kind"] == "warning"])
        assert heard.steps[-1]["step"] > 20, "the training goes on"
    assert texts[0] == []
    (said,) = texts[1]
    assert said.startswith(
        "after 20 of 60 steps SyncNet tells lips in sync from shifted no better than chance ("
    )
    assert "misaligned" in said


def test_chance_seldom_looks_like_learning():
    rng = np.random.default_rng(2)
    passed = [above_chance(rng.normal(0.5, 0.05, ENOUGH).tolist()) for _ in range(2000)]
    assert 0 < np.mean(passed) < 0.01


def test_it_is_settled_after_a_tenth_and_a_resumed_training_is_judged_by_what_it_sees():
    stuck = [0.5 + 0.02 * (-1) ** step for step in range(2000)]
    whole, resumed = Suspicion(1000), Suspicion(1000)
    told = [step for step in range(1, 1001) if whole.saw(step, stuck[step])]
    assert told == [100]
    told = [step for step in range(501, 1001) if resumed.saw(step, stuck[step])]
    assert told == [550]


def test_measured_on_strangers_the_shipped_one_is_good_and_one_that_learnt_nothing_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(PRESETS, "mini", MINI)
    windows = WorldLips(WorldPlan(16, first=4000, frames=30, sizes=MINI), 30, 30, tmp_path)
    windows.make(1, lambda done, of: None)
    good = measured(load(resolve("mini:syncnet"))[0], MINI, windows)
    nothing = measured(SyncNetObjective(recipe()).build(windows, torch.device("cpu")), MINI, windows)
    assert good["in_sync_accuracy"] > 0.85
    assert good["exact_offset"] > 0.5
    assert 0.25 < nothing["in_sync_accuracy"] < 0.75


def _on_two_workers(folder: Path, stop: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [FORK.Process(target=_worker, args=(folder, rank, port, stop)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]


def _worker(folder: Path, rank: int, port: int, stop: int) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }  # fmt: skip
    log = folder.with_suffix(".log") if rank == 0 else None
    train(job(folder, steps=6), Heard(stop_after=stop if stop < 6 else None, log=log))


def _file(folder: Path, step: int, name: str = "weights.safetensors") -> bytes:
    return (folder / f"step-{step:08d}" / name).read_bytes()
