"""The split of workers: its rules one by one, random machines, and a whole cluster simulated for a day."""

import random
from collections.abc import Mapping, Sequence

import pytest

from infra.engine.worker_split import StageLoad, split
from infra.resources import Needs, Node, Resources
from infra.room import Room

CPU = Needs(cpus=1)


def load(name: str, speed: float | None, waiting: int = 1000, needs: Needs = CPU, **more) -> StageLoad:
    return StageLoad(name, speed, more.pop("source_units", 1.0), needs, waiting, **more)


def fits(stages: Sequence[StageLoad], counts: Mapping[str, int], resources: Resources) -> bool:
    room = Room(resources)
    by_size = sorted(stages, key=lambda s: -s.needs.gpus)
    return all(room.take(s.needs) for s in by_size for _ in range(counts[s.name]))


def test_workers_go_to_the_slowest_stage():
    stages = [load("fast", 100), load("slow", 10, waiting=0), load("middle", 50, waiting=0)]
    assert split(stages, Resources(cpus=13), {}) == {"fast": 1, "slow": 10, "middle": 2}


def test_speeds_are_compared_in_sources():
    """40 clips a source: 40 clips/s are one source/s."""
    stages = [load("ingest", 1.0), load("captions", 40.0, source_units=40.0)]
    assert split(stages, Resources(cpus=8), {}) == {"ingest": 4, "captions": 4}


def test_a_stage_that_does_not_set_the_pace_takes_only_a_little_more_than_it_needs():
    gpu = Needs(cpus=1, gpus=1)
    counts = split([load("decode", 10), load("model", 5, needs=gpu)], Resources(cpus=64, gpus=4), {})
    assert counts["model"] == 4
    assert 2 <= counts["decode"] <= 3


def test_no_more_workers_than_batches():
    stages = [load("a", 1.0, waiting=10, needs=Needs(batch=4))]
    assert split(stages, Resources(cpus=64), {}) == {"a": 3}


def test_an_unmeasured_stage_has_one_worker():
    assert split([load("a", None), load("b", 1.0)], Resources(cpus=8), {})["a"] == 1


def test_shares_of_a_gpu_do_not_straddle_devices():
    """Two devices hold one 0.6 each, although three would fit their sum."""
    stages = [load("a", 1.0, needs=Needs(gpus=0.6))]
    assert split(stages, Resources(cpus=64, gpus=2), {}) == {"a": 2}


def test_a_worker_of_two_gpus_takes_two_devices():
    stages = [load("a", 1.0, needs=Needs(gpus=2)), load("b", 1.0, needs=Needs(gpus=0.5))]
    assert split(stages, Resources(cpus=64, gpus=3), {}) == {"a": 1, "b": 2}


def test_memory_limits_workers():
    stages = [load("a", 1.0, needs=Needs(memory_gb=10))]
    assert split(stages, Resources(cpus=64, memory_gb=32), {}) == {"a": 3}


def test_a_worker_is_on_one_machine_and_its_memory_and_cpus_are_that_machines():
    """Two machines hold one of 6 GB each, although three would fit their sum; and so with CPUs and GPUs."""
    two = (Node("a", 8, 1, 10), Node("b", 8, 1, 10))
    for needs, most in ((Needs(memory_gb=6), 2), (Needs(cpus=5), 2), (Needs(gpus=2), 0), (Needs(gpus=1), 2)):
        room = Room(Resources(cpus=16, gpus=2, memory_gb=None, nodes=two))
        assert sum(room.take(needs) for _ in range(8)) == most, needs


def test_workers_are_spread_over_machines_and_those_that_are_there_keep_their_place():
    room = Room(Resources(cpus=8, nodes=(Node("a", 4), Node("b", 4))))
    room.occupied(CPU, "a")
    room.occupied(CPU, "gone")
    assert [room.place(CPU) for _ in range(8)] == ["b", "a", "b", "a", "b", "a", "b", None]


def test_who_wants_more_memory_than_any_machine_has_gets_all_of_one():
    there = Resources(cpus=8, nodes=(Node("a", 4, 0, 4.0), Node("b", 4, 0, 7.5)))
    assert there.scaled(Needs(memory_gb=24)) == Needs(memory_gb=7.5)
    assert there.scaled(Needs(memory_gb=6)) == Needs(memory_gb=6)
    assert Resources(cpus=8).scaled(Needs(memory_gb=24)) == Needs(memory_gb=24)


def test_a_finished_stage_frees_its_room_at_once():
    stages = [load("a", 1.0, waiting=0, finished=True), load("b", 1.0)]
    assert split(stages, Resources(cpus=4), {"a": 2, "b": 2}) == {"a": 0, "b": 4}


def test_noise_in_the_speeds_moves_nobody():
    current = split([load("a", 10), load("b", 10)], Resources(cpus=16), {})
    for speed in (9.2, 10.7, 9.7, 10.4):
        assert split([load("a", speed), load("b", 10)], Resources(cpus=16), current) == current


def test_a_backlog_draws_workers():
    """What is left decides, not the speed alone: `b` has the queue that `a` built up."""
    stages = [load("a", 10, waiting=100), load("b", 10, waiting=10_000)]
    counts = split(stages, Resources(cpus=16), {"a": 8, "b": 8})
    assert counts["b"] > 12


class TestTurns:
    """One worker fits; three stages have to share."""

    room = Resources(cpus=1)

    def test_whoever_has_work_and_waited_longest_begins(self):
        stages = [load("a", 1.0, waiting=0), load("b", 1.0, waited_s=5), load("c", 1.0, waited_s=9)]
        assert split(stages, self.room, {}) == {"a": 0, "b": 0, "c": 1}

    def test_a_turn_lasts(self):
        stages = [load("a", 1.0), load("b", 1.0, waited_s=99)]
        assert split(stages, self.room, {"a": 1}) == {"a": 1, "b": 0}

    def test_a_turn_that_is_over_passes_on(self):
        stages = [load("a", 1.0, turn_over=True), load("b", 1.0, waited_s=99)]
        assert split(stages, self.room, {"a": 1}) == {"a": 0, "b": 1}

    def test_a_turn_that_is_over_goes_on_if_nobody_has_work(self):
        stages = [load("a", 1.0, turn_over=True), load("b", 1.0, waiting=0)]
        assert split(stages, self.room, {"a": 1}) == {"a": 1, "b": 0}


@pytest.mark.parametrize("seed", range(30))
def test_any_machine_is_never_overfilled_and_nobody_starves(seed):
    rng = random.Random(seed)
    resources = Resources(cpus=rng.choice([2, 8, 64, 256]), gpus=rng.choice([0, 1, 8, 32]))
    shares = [0.0, 0.25, 0.5, 1.0] if resources.gpus else [0.0]
    stages = [
        load(
            f"s{i}",
            rng.choice([None, 0.1, 1.0, 30.0]),
            waiting=rng.choice([0, 3, 10_000]),
            needs=Needs(cpus=rng.choice([0.5, 1, 4]), gpus=rng.choice(shares), batch=rng.choice([1, 8])),
        )
        for i in range(6)
    ]
    stages = [s for s in stages if Room(resources).take(s.needs)]
    counts = split(stages, resources, {})
    assert fits(stages, counts, resources)
    if fits(stages, dict.fromkeys(counts, 1), resources):
        assert all(counts.values())
    assert split(stages, resources, counts) == counts, "nothing changed, so nothing moves"


@pytest.mark.parametrize("seed", range(60))
def test_any_cluster_of_uneven_machines_is_split_whatever_runs_there(seed: int) -> None:
    """Not all orders of putting workers in fit: a split goes by one that does."""
    rng = random.Random(seed)
    nodes = tuple(
        Node(str(n), rng.choice([1, 2, 8]), rng.choice([0, 1, 2]), rng.choice([4.0, 16.0]))
        for n in range(rng.choice([1, 2, 3]))
    )
    resources = Resources(sum(n.cpus for n in nodes), sum(n.gpus for n in nodes), nodes=nodes)
    shares = [0.0, 0.3, 0.4, 0.6, 1.0] if resources.gpus else [0.0]
    for _ in range(30):
        stages = [
            load(
                f"s{i}",
                rng.choice([None, 0.1, 1.0, 30.0]),
                waiting=rng.choice([0, 3, 10_000]),
                needs=Needs(
                    cpus=rng.choice([0.1, 0.5, 0.9, 2]),
                    gpus=rng.choice(shares),
                    memory_gb=rng.choice([0.0, 3.0]),
                ),
                turn_over=rng.random() < 0.3,
                waited_s=rng.uniform(0, 9),
            )
            for i in range(8)
        ]
        stages = [s for s in stages if Room(resources).take(s.needs)]
        counts = split(stages, resources, {s.name: rng.choice([0, 0, 1, 3]) for s in stages})
        assert sum(counts.values()) or not stages


# A day of a cluster: 600 h of video as clips of 3 s, through the stages of a rebuild.

CLIPS = 600 * 3600 // 3
CLUSTER = Resources(cpus=256, gpus=32)
STAGES = {  # items a second of one worker, on an A100 or a CPU
    "ingest": (0.9, Needs(cpus=1)),
    "captions": (1.4, Needs(cpus=1, gpus=1, batch=8)),
    "occluders": (2.0, Needs(cpus=1, gpus=0.5)),
    "facemask": (3.0, Needs(cpus=1, gpus=0.25)),
    "companion": (1.1, Needs(cpus=2, gpus=1)),
    "relight": (1.5, Needs(cpus=1)),
    "scores": (6.0, Needs(cpus=1, gpus=0.5, batch=4)),
    "verdict": (500.0, Needs(cpus=1)),
}


def bound_s() -> float:
    """No split can be faster: every resource full all the time, whole workers or not."""
    cpus = sum(needs.cpus / speed for speed, needs in STAGES.values())
    gpus = sum(needs.gpus / speed for speed, needs in STAGES.values())
    return CLIPS * max(cpus / CLUSTER.cpus, gpus / CLUSTER.gpus)


class Simulation:
    """Discrete steps; a new worker first loads its weights; measured speeds carry noise."""

    step_s, load_s = 30.0, 60.0

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.queue = dict.fromkeys(STAGES, 0.0) | {"ingest": float(CLIPS)}
        self.done = dict.fromkeys(STAGES, 0.0)
        self.counts = dict.fromkeys(STAGES, 0)
        self.loading: dict[str, list[float]] = {name: [] for name in STAGES}
        self.seen: dict[str, float | None] = dict.fromkeys(STAGES)
        self.now = 0.0
        self.moves = 0
        self.idle_s = dict.fromkeys(STAGES, 0.0)

    def run(self) -> None:
        while self.done["verdict"] < CLIPS - 0.5:
            self.resplit()
            self.work()
            self.now += self.step_s
            assert self.now < 3 * bound_s(), "it does not come to an end"

    def resplit(self) -> None:
        loads, upstream_done = [], True
        for name, (_, needs) in STAGES.items():
            finished = upstream_done and self.queue[name] < 0.5
            upstream_done = finished
            speed = self.seen[name] and self.seen[name] * self.rng.uniform(0.93, 1.07)
            loads.append(StageLoad(name, speed, 1.0, needs, int(self.queue[name] + 0.5), finished=finished))
        counts = split(loads, CLUSTER, self.counts)
        assert fits(loads, counts, CLUSTER)
        for s in loads:
            change = counts[s.name] - self.counts[s.name]
            if change < 0 and not s.finished:
                self.moves += 1
            self.loading[s.name] += [self.now + self.load_s] * max(change, 0)
            self.idle_s[s.name] += self.step_s * (s.waiting > 0 and not counts[s.name])
        self.counts = counts

    def work(self) -> None:
        moved = {}
        for name, (speed, _) in STAGES.items():
            self.loading[name] = [t for t in self.loading[name] if t > self.now]
            ready = max(self.counts[name] - len(self.loading[name]), 0)
            moved[name] = min(self.queue[name], ready * speed * self.step_s)
            if moved[name]:
                self.seen[name] = speed
        names = list(STAGES)
        for name, following in zip(names, [*names[1:], None], strict=True):
            self.queue[name] -= moved[name]
            self.done[name] += moved[name]
            if following:
                self.queue[following] += moved[name]


def test_a_cluster_is_kept_busy():
    simulation = Simulation(seed=1)
    simulation.run()
    hours = simulation.now / 3600
    report = f"{hours:.2f} h, bound {bound_s() / 3600:.2f} h, {simulation.moves} moves"
    assert simulation.now <= 1.1 * bound_s(), report
    assert not any(simulation.idle_s.values()), report
    assert simulation.moves / hours <= 12, report
    print(report)
