"""A share of pairs: the same ones each time, about as many as asked for, and with a larger share more of them."""

import pytest

from tasks.pair_share import taken

IDS = [f"{number:020x}" for number in range(4000)]


def test_none_and_all_are_exact():
    assert not any(taken(one, 0.0) for one in IDS)
    assert all(taken(one, 1.0) for one in IDS)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_about_as_many_are_taken_as_asked_for(share):
    assert sum(taken(one, share) for one in IDS) / len(IDS) == pytest.approx(share, abs=0.03)


def test_a_larger_share_holds_the_smaller_one():
    smaller, larger = ({one for one in IDS if taken(one, share)} for share in (0.2, 0.4))
    assert smaller < larger
    assert smaller == {one for one in reversed(IDS) if taken(one, 0.2)}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        taken(IDS[0], share)
