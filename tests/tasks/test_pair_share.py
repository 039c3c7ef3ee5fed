"""A share of pairs: the same ones each time, about as many as asked for, and with a larger share more of them."""

import pytest

from tasks.pair_share import place

IDS = [f"{number:020x}" for number in range(4000)]


def test_none_and_all_are_exact():
    assert all(0 < place(one) <= 1 for one in IDS)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_about_as_many_are_taken_as_asked_for(share):
    assert sum(place(one) <= share for one in IDS) / len(IDS) == pytest.approx(share, abs=0.03)


def test_a_place_is_an_items_own():
    assert len({place(one) for one in IDS}) == len(IDS)
    assert place(IDS[7]) == place(IDS[7])
