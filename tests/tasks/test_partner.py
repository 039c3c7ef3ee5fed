"""Whose sound a companion speaks: another utterance of the same person, the same one however the dataset grows."""

from dataclasses import replace

import pytest

from tasks.partner import Partner, PartnerConfig, PartnerInput, PartnerRow
from tasks.stage import Rejected


def clip(name, speaker="ann", frames=75, uri=None, start_s=0.0, split="train"):
    return PartnerInput(name, speaker, split, uri or f"{name}.mp4", start_s, frames, 25.0)


def chosen(rows, known=(), **config):
    return {row.id: row for row in Partner(PartnerConfig(**config))(rows, known)}


def test_another_utterance_of_the_same_speaker_speaks():
    rows = [clip(f"a{n}") for n in range(5)] + [clip(f"b{n}", "bob") for n in range(5)]
    for row in chosen(rows).values():
        assert row.partner != row.id
        assert row.partner[0] == row.id[0]
        assert (row.start, row.second, row.third, row.how, row.candidates) == (
            0,
            None,
            None,
            "other_utterance",
            4,
        )


def test_order_is_of_no_account_and_choices_spread():
    rows = [clip(f"a{n}") for n in range(40)]
    one, other = chosen(rows), chosen(rows[::-1])
    assert one == other
    assert len({row.partner for row in one.values()}) > 15
    assert {n: row.partner for n, row in chosen(rows, choice=1).items()} != {
        n: row.partner for n, row in one.items()
    }


def test_clips_that_come_later_change_nobodys_choice_and_may_choose_those_before():
    first = [clip(f"a{n}") for n in range(2)]
    before = chosen(first)
    after = chosen([clip("late")], known=list(before.values()))
    assert after.keys() == {"late"}
    assert after["late"].partner in before


def test_two_faces_of_one_moment_have_one_sound_and_are_no_partners():
    both = [clip("left", uri="talk.mp4", start_s=1.0), clip("right", uri="talk.mp4", start_s=2.0)]
    assert {row.code for row in chosen(both).values()} == {"alone"}
    apart = [both[0], replace(both[1], start_s=4.0)]
    assert chosen(apart)["left"].partner == "right"


def test_a_speaker_with_one_utterance_is_rejected_by_name_or_takes_what_the_recipe_says():
    rows = [clip("a"), clip("b", "bob"), clip("c", "eve", split="test")]
    alone = chosen(rows)["a"]
    assert (type(alone), alone.code) == (Rejected, "alone")
    assert "ann" in alone.reason
    same = chosen(rows, alone="same_clip")["a"]
    assert (same.partner, same.start, same.second, same.how) == ("a", 37, "a", "same_clip")
    other = chosen(rows, alone="other_speaker")["a"]
    assert (other.partner, other.how) == ("b", "other_speaker"), "of the same split alone"


def test_short_utterances_follow_one_another_or_are_refused():
    rows = [clip("long", frames=100), clip("x", frames=40), clip("y", frames=45)]
    row = chosen(rows)["long"]
    assert {row.partner, row.second} == {"x", "y"}
    assert row.third in ("x", "y")
    refused = chosen(rows, short="reject")["long"]
    assert (refused.code, "45" in refused.reason) == ("partner_short", True)
    assert chosen([clip("long", frames=100), clip("x", frames=20)])["long"].code == "partner_short"
    assert chosen([*rows, clip("enough", frames=100)])["long"].partner == "enough", (
        "one that is long enough comes first"
    )


def test_a_wrong_setting_is_refused_when_it_is_read():
    with pytest.raises(ValueError, match="alone"):
        PartnerConfig(alone="anybody")


def test_a_speaker_of_many_thousand_clips_costs_no_more_for_each():
    rows = [clip(f"a{n}") for n in range(20000)]
    found = chosen(rows)
    assert len(found) == 20000
    assert isinstance(found["a7"], PartnerRow)
