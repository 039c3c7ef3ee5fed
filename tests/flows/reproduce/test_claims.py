"""Claims are judged by intervals of differences over the same people; planted numbers give the verdicts they must."""

import numpy as np
import pytest

from flows.reproduce.claims import CLAIMS, METRICS, Claim, judged
from flows.reproduce.comparison import Person, compared, differences
from flows.reproduce.plan import NAMES
from flows.terminal.reproduced import as_markdown, as_plain, show_reproduction
from models.mini.companions.intervals import Sure
from models.mini.generator.scores import Seen, numbers_of

NAN = float("nan")
PEOPLE, FRAMES = 9, 25


@pytest.mark.parametrize(
    ("metric", "apart", "verdict"),
    [
        ("opening_r", Sure(0.2, 0.1), "holds"),
        ("opening_r", Sure(-0.2, 0.1), "does not hold"),
        ("opening_r", Sure(0.1, 0.2), "not told apart"),
        ("opening_r", Sure(-0.1, 0.2), "not told apart"),
        ("silent_motion", Sure(-0.2, 0.1), "holds"),
        ("silent_motion", Sure(0.2, 0.1), "does not hold"),
        ("opening_r", Sure(NAN, NAN), "not told apart"),
        ("opening_r", Sure(0.2, NAN), "not told apart"),
    ],
)
def test_a_claim_holds_when_the_interval_lies_on_its_side_of_zero(
    metric: str, apart: Sure, verdict: str
) -> None:
    assert judged(Claim("x", metric, "editor", "generator"), apart).verdict == verdict


def test_a_claim_about_what_is_not_compared_or_not_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="is about 'wav2lip', which is not compared; there are: generator,"):
        Claim("x", "opening_r", "editor", "wav2lip")
    with pytest.raises(ValueError, match="is about 'beauty', which is not measured; there are: opening_r,"):
        Claim("x", "beauty", "editor", "generator")


def test_every_variant_and_every_aim_is_in_some_claim() -> None:
    assert {name for one in CLAIMS for name in one.about} == set(NAMES)
    assert {one.metric for one in CLAIMS} >= {
        "opening_r", "psnr_lips", "opening_r_occluded", "silent_motion", "psnr_full", "ssim_full", "identity", "leak",
    }  # fmt: skip


def seen(person: int, follows: float, off: float, identity: float) -> Seen:
    """Someone whose mouth follows the sound to a share, whose pictures are off by so much."""
    rng = np.random.default_rng(person)
    should, was, other = rng.random((3, FRAMES, 2))
    quiet, squares = (1 - follows) * other[:, 0], (off**2 * 1000, 1000)
    return Seen(
        person % 3 == 0,
        np.stack([follows * should + (1 - follows) * other, should, was]),
        np.stack([quiet, was[:, 0]]) if person % 3 else np.zeros((2, 0)),
        dict.fromkeys(("psnr_mask", "psnr_lips", "psnr_lips_of_the_source", "psnr_full"), squares),
        {"identity": identity, "ssim_full": 1 - off / 255, "clip_likeness": 1 - off / 255},
    )


def people(follows: float, off: float, identity: float) -> list[Person]:
    """Each with two noises; they differ in how alike they are, more than two nets do."""
    alike = np.random.default_rng(0).uniform(0.5, 0.9, PEOPLE)
    return [
        [seen(person, follows, off + 0.1 * noise, alike[person] + identity) for noise in range(2)]
        for person in range(PEOPLE)
    ]


def test_planted_people_give_the_verdicts_they_must() -> None:
    found = compared(
        {"generator": [people(0.6, 9, 0)], "control": [people(0.6, 9, 0)], "editor": [people(0.9, 6, 0.01)]},
        2,
    )
    verdicts = {(one.claim.metric, one.claim.theirs): one.verdict for one in found.judged}
    for metric in ("opening_r", "psnr_full", "psnr_lips", "ssim_full", "silent_motion", "identity"):
        assert verdicts[metric, "generator"] == verdicts[metric, "control"] == "holds", metric
    assert ("opening_r", "generator*") not in verdicts, "nobody has measured it"
    again = compared(
        {"generator": [people(0.9, 6, 0)], "control": [people(0.9, 6, 0)], "editor": [people(0.6, 9, 0)]}, 2
    )
    verdicts = {(one.claim.metric, one.claim.theirs): one.verdict for one in again.judged}
    assert verdicts["opening_r", "control"] == verdicts["psnr_full", "control"] == "does not hold"
    assert verdicts["identity", "control"] == "not told apart", "there is no difference at all"


def test_a_bound_is_held_by_the_whole_interval() -> None:
    def verdict(follows: float) -> str:
        (one,) = (
            j for j in compared({"editor": [people(follows, 6, 0)]}, 2).judged if j.claim.metric == "leak"
        )
        assert one.apart.value == pytest.approx(numbers_of(flat(people(follows, 6, 0)))["leak"] - 0.1)
        return one.verdict

    assert verdict(1.0) == "holds"


def flat(some: list[Person]) -> list[Seen]:
    return [one for person in some for one in person]


def test_a_difference_is_of_the_same_people_so_what_they_have_in_common_is_no_doubt() -> None:
    better, worse = people(0.9, 6, 0.01), people(0.9, 6, 0)
    apart = differences([better], [worse])["identity"]
    assert apart.value == pytest.approx(0.01)
    assert apart.plus_minus < 1e-9
    one = compared({"editor": [better]}, 2).numbers["editor"]["identity"]
    assert one.plus_minus > 0.05, "people differ"


def test_trainings_that_lie_apart_make_what_follows_from_them_less_sure() -> None:
    worse = [people(0.6, 9, 0)] * 3
    alike = differences([people(0.9, 6, 0)] * 3, worse)["psnr_full"]
    once = differences([people(0.9, 6, 0)], worse[:1])["psnr_full"]
    assert (alike.value, alike.plus_minus) == pytest.approx((once.value, once.plus_minus))
    nets = [people(0.9, off, 0) for off in (4, 6, 8)]
    apart = differences(nets, worse)["psnr_full"]
    alone = [differences([one], worse[:1])["psnr_full"].value for one in nets]
    over_trainings = 4.303 * float(np.std(alone, ddof=1)) / 3**0.5
    assert apart.plus_minus == pytest.approx(np.hypot(once.plus_minus, over_trainings), rel=0.05)
    assert compared({"generator": worse, "structure": nets}, 2).trainings == 3


def test_numbers_over_no_one_with_something_before_the_face_are_none() -> None:
    numbers = numbers_of([seen(1, 0.9, 6, 0.9)])
    assert np.isnan(numbers["opening_r_occluded"])
    assert numbers["opening_r"] > 0.9
    assert numbers.keys() >= METRICS.keys()


def test_what_is_printed_fits_a_terminal_and_what_is_written_names_each_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compared({name: [people(0.9, 6, 0)] for name in NAMES}, 2)
    monkeypatch.setenv("COLUMNS", "80")
    show_reproduction(found)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    assert all(name in said for name in NAMES)
    page, plain = as_markdown(found), as_plain(found)
    assert page.count("not told apart") == sum(one["verdict"] == "not told apart" for one in plain["claims"])
    assert len(plain["claims"]) == len(CLAIMS)
    assert plain["variants"]["editor"]["psnr_full"]["value"] == pytest.approx(32.4, abs=0.2)
