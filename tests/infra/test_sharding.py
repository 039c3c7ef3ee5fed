"""A training goes on as if nothing had happened, at every ZeRO level and number of ranks: real processes, gloo."""

import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from infra.sharding import Sharding, ShardingError, begin, end, shard, world
from tests.infra.sharded import HALF, LEVELS, adamw, sharded_net, small_net, together

pytestmark = pytest.mark.timeout(900)  # six processes on a busy machine


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Played:
    """What every rank of every scene answered, and what was printed meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        alone = together(1, "fresh,accumulated,frozen", folder, free_port())
        both = together(2, "fresh,poisoned,low,accumulated", folder, free_port())
        self.printed = alone + both + together(2, "again", folder, free_port())
        self.printed += together(1, "again", folder, free_port())

    def of(self, scene: str, ranks: int, rank: int = 0) -> dict[str, Any]:
        return torch.load(self.folder / f"{scene}-{ranks}-{rank}.pt")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return Played(tmp_path_factory.mktemp("sharded"))


@pytest.fixture
def alone():
    begin()
    yield
    end()


def test_every_level_and_number_of_ranks_learns_the_same(played: Played):
    plain = played.of("fresh", 1)["0"]
    assert plain[-1] != pytest.approx(plain[0], rel=0.01)
    for ranks in (1, 2):
        for zero in LEVELS:
            assert played.of("fresh", ranks)[f"{zero}"] == pytest.approx(plain, abs=1e-5)


def test_a_saved_run_goes_on_as_if_undisturbed(played: Played):
    """From 1 rank to 1 and 2, from 2 ranks to 1 and 2, and from one level to another."""
    plain = played.of("fresh", 1)["0"][HALF:]
    for ranks in (1, 2):
        found = played.of("again", ranks)
        assert len(found) == 12
        for name, losses in found.items():
            assert losses == pytest.approx(plain, abs=1e-5), f"{name} on {ranks}"


def test_one_process_without_sharding_goes_on_bit_for_bit(played: Played):
    assert played.of("again", 1)["1-0-0"] == played.of("fresh", 1)["0"][HALF:]


def test_a_step_that_is_not_finite_on_one_rank_changes_nothing_on_any(played: Played):
    plain, within = played.of("fresh", 2)["0"], {"fp32": 1e-5, "bf16": 0.02}
    for rank in (0, 1):
        found = played.of("poisoned", 2, rank)
        assert len(found) == 16
        for name, run in found.items():
            assert run["finite"] is False, name
            assert run["same"], name
            assert run["losses"] == pytest.approx(plain, rel=within[name.split("-")[1]]), name


def test_two_micro_batches_are_one_of_twice_the_size(played: Played):
    plain = played.of("fresh", 1)["0"]
    for ranks in (1, 2):
        for zero in LEVELS:
            assert played.of("accumulated", ranks)[f"{zero}"] == pytest.approx(plain, abs=1e-5)


def test_frozen_parameters_are_neither_trained_nor_saved(played: Played):
    for names, before, after in played.of("frozen", 1).values():
        assert "4.weight" in names
        assert "5.weight" not in names
        assert torch.equal(before, after)


def test_bf16_steps_on_an_fp32_copy_and_goes_on_exactly(played: Played):
    plain, found = played.of("fresh", 2)["0"], played.of("low", 2)
    for zero in LEVELS:
        assert found[f"{zero}"] == pytest.approx(plain, rel=0.02)
        assert found[f"again {zero}"] == found[f"{zero}"][HALF:]
        value = torch.load(played.folder / f"bf16-2-{zero}.pt")["2.weight"]["value"]
        assert value.dtype == torch.float32
        assert not torch.equal(value, value.bfloat16().float())


def test_nothing_is_printed(played: Played):
    assert played.printed == ""


def test_what_is_saved_is_whole_and_counts_its_steps(played: Played):
    for zero in LEVELS:
        saved = torch.load(played.folder / f"fp32-2-{zero}.pt")["2.weight"]
        assert saved.keys() == {"value", "exp_avg", "exp_avg_sq", "step"}
        assert saved["exp_avg"].shape == (331, 321)
        assert saved["step"] == HALF


def test_a_parameter_that_is_not_used_decays_the_same_at_every_level(played: Played):
    for zero in LEVELS:
        saved = torch.load(played.folder / f"fp32-2-{zero}.pt")["0.unused"]
        assert saved["step"] == HALF
        assert saved["value"].mean().item() == pytest.approx(0.9993, abs=1e-6)


def test_a_plain_loop_is_matched_bit_for_bit(alone: None):
    sharded, net = sharded_net(0), small_net()
    optimizer = adamw([(name, one) for name, one in net.named_parameters() if one.requires_grad])
    for at in range(3):
        x_BC = torch.randn(4, 7, generator=torch.Generator().manual_seed(at))
        optimizer.zero_grad()
        net(x_BC).pow(2).mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        optimizer.step()
        sharded.backward(sharded.module(x_BC).pow(2).mean())
        assert sharded.step(longest=0.1).norm == norm.item()
    used = {name: saved["value"] for name, saved in sharded.tensors() if name != "0.unused"}
    assert len(used) == 8
    assert all(torch.equal(value, net.get_parameter(name)) for name, value in used.items())


class Matrices(torch.optim.SGD):
    whole_matrices = True


def test_an_optimizer_of_whole_matrices_is_refused_in_pieces(alone: None):
    shard(small_net(), lambda named: Matrices([one for _, one in named]), Sharding())
    with pytest.raises(
        ShardingError, match="whole matrices; take optimizer adamw, or a profile with zero = 0"
    ):
        shard(small_net(), lambda named: Matrices([one for _, one in named]), Sharding(zero=1))


def test_a_checkpoint_of_another_network_is_refused_by_name(alone: None):
    sharded = sharded_net(0)
    other = {name: {**saved, "value": torch.zeros(3, 3)} for name, saved in sharded.tensors()}
    with pytest.raises(
        ShardingError, match=r"0\.weight has the shape \(3, 3\), and in this network it is \(321, 7\)"
    ):
        sharded.load(other.__getitem__)


def test_a_network_with_nothing_to_train_is_refused(alone: None):
    with pytest.raises(ShardingError, match="requires_grad"):
        shard(small_net().requires_grad_(False), adamw, Sharding())


def test_a_world_that_is_named_in_part_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    with pytest.raises(
        ShardingError, match="MASTER_ADDR, MASTER_PORT is not set; start the processes with torchrun"
    ):
        begin()


def test_a_second_training_in_one_process_begins_anew():
    for _ in range(2):
        begin()
        assert world() == 1
        sharded = sharded_net(2)
        sharded.backward(sharded.module(torch.ones(2, 7)).pow(2).mean())
        assert sharded.step(longest=1.0).taken
        assert len(dict(sharded.tensors())) == 9
        end()
