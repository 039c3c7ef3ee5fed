"""Who has to go where a worker has no machine to start on, though the split says that all fit."""

from infra.engine.placing import Standing, in_the_way
from infra.resources import Needs, Node, Resources

SMALL, LARGE = Needs(cpus=1), Needs(cpus=2)
TWO = Resources(cpus=3, nodes=(Node("one", 1), Node("two", 2)))


def test_the_small_one_on_the_only_machine_that_holds_a_large_one_goes() -> None:
    assert in_the_way(LARGE, [Standing(SMALL, "two", 3)], TWO) == [0]


def test_nobody_goes_where_that_would_not_help() -> None:
    assert in_the_way(Needs(cpus=3), [Standing(SMALL, "two", 3)], TWO) == []


def test_those_of_one_machine_go_and_the_cheapest_ones() -> None:
    there = [Standing(SMALL, "one", 0), Standing(SMALL, "two", 3), Standing(SMALL, "two", 1)]
    assert sorted(in_the_way(LARGE, there, TWO)) == [1, 2]
    assert in_the_way(SMALL, there, TWO) == [0]
    assert in_the_way(SMALL, there[1:], Resources(cpus=2, nodes=(Node("two", 2),))) == [1]


def test_one_that_leaves_anyway_is_waited_for() -> None:
    there = [
        Standing(SMALL, "two", 0),
        Standing(SMALL, "two", 1),
        Standing(SMALL, "three", 4),
        Standing(SMALL, "three", 4),
    ]
    nodes = (Node("two", 2), Node("three", 2))
    assert sorted(in_the_way(LARGE, there, Resources(cpus=4, nodes=nodes))) == [0, 1]


def test_shares_of_a_gpu_count_by_their_device() -> None:
    there = [Standing(Needs(gpus=0.5), "a", 2), Standing(Needs(gpus=0.3), "a", 1)]
    assert in_the_way(Needs(gpus=0.6), there, Resources(cpus=8, gpus=1, nodes=(Node("a", 8, 1),))) == [1, 0]
    assert in_the_way(Needs(gpus=0.5), there, Resources(cpus=8, gpus=1, nodes=(Node("a", 8, 1),))) == [1]
