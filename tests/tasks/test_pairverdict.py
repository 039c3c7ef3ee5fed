"""The limits of pairs over made-up scores: each alone, all at once, and row by row as by columns."""

import dataclasses
import math

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.pairscores import PairScoresRow
from tasks.pairverdict import (
    LIMITS,
    SCORES,
    PairVerdict,
    PairVerdictConfig,
    PairVerdictInput,
    PairVerdictRow,
    accepted,
    limited,
)
from tasks.stage import Rejected

GOOD = PairVerdictInput(
    id="p1", given_place=None, lost_share=0.0, identity=0.93, identity_least=0.9, lip_distance=2.5, lip_noise=0.5,
    sync_clip=6.0, sync_companion=5.0, sync_crossed=1.0, outside_db=40.0, occluder_db=38.0, seam=1.0, flicker=1.0,
    colour_drift=1.0, yaw=12.0,
)  # fmt: skip
STRICT = PairVerdictConfig(
    given=0.5, lost_share=0.2, identity=0.85, identity_least=0.8, lip_distance=1.0, lip_noise=1.5, sync_clip=2.0,
    sync_companion=2.0, sync_crossed=3.0, outside_db=35.0, occluder_db=33.0, seam=1.5, flicker=1.5,
    colour_drift=6.0, yaw=30.0,
)  # fmt: skip
BAD = {limit.column: limit.of(STRICT) * (0.5 if limit.bound == "least" else 2) for limit in LIMITS}


def verdict(config=None, **scores):
    (result,) = PairVerdict(config)([dataclasses.replace(GOOD, **scores)])
    return result


def test_the_papers_limits_are_the_default():
    assert verdict() == PairVerdictRow("p1")
    assert verdict(identity=0.849).code == "identity"
    assert verdict(lip_distance=0.99).code == "lip_distance"
    assert verdict(identity=0.85, lip_distance=1.0) == PairVerdictRow("p1")
    assert limited(PairVerdictConfig()) == {"identity", "lip_distance"}


@pytest.mark.parametrize("column", [limit.column for limit in LIMITS])
def test_each_score_can_fail_alone(column):
    assert verdict(STRICT) == PairVerdictRow("p1")
    for value in (BAD[column], math.nan):
        result = verdict(STRICT, **{column: value})
        assert isinstance(result, Rejected)
        assert (result.id, result.code) == ("p1", column)


def test_reasons_state_value_and_limit_and_list_every_failure():
    assert verdict(identity=0.8).reason == "identity 0.8 is below 0.85"
    result = verdict(STRICT, lip_distance=0.2, identity=0.8, seam=3.0)
    assert result.code == "identity"
    assert result.reason == "identity 0.8 is below 0.85; lip_distance 0.2 is below 1; seam 3 is above 1.5"


def test_what_a_pair_does_not_have_is_no_reason_against_it():
    mute = dict.fromkeys(("sync_clip", "sync_companion", "sync_crossed", "occluder_db", "seam"))
    assert verdict(STRICT, **mute) == PairVerdictRow("p1")


def test_every_setting_is_a_limit_on_a_score():
    assert {limit.setting for limit in LIMITS} == set(PairVerdictConfig.model_fields)
    scores = {field.name for field in dataclasses.fields(PairScoresRow)} - {"id", "origin"}
    assert {limit.column for limit in LIMITS} == scores == set(SCORES.names) - {"id"}


@pytest.mark.parametrize(
    "config", [PairVerdictConfig(), STRICT, PairVerdictConfig(identity=None, lip_distance=None)]
)
def test_all_rows_at_once_are_judged_as_one_by_one(config):
    rows = random_rows(500)
    one_by_one = [isinstance(PairVerdict(config)([row])[0], PairVerdictRow) for row in rows]
    table = pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=SCORES)
    at_once = accepted(table, config).to_pylist()
    batch = [isinstance(result, PairVerdictRow) for result in PairVerdict(config)(rows)]
    assert one_by_one == at_once == batch
    assert all(at_once) == (config.identity is None)
    assert any(at_once)


def random_rows(count):
    """Good scores, with some beyond a limit, just at it, NaN, or missing."""
    rng = np.random.default_rng(5)
    return [dataclasses.replace(GOOD, id=f"p{n}", **random_scores(rng)) for n in range(count)]


def random_scores(rng):
    scores = {}
    for limit in LIMITS:
        values = [getattr(GOOD, limit.column)] * 12 + [BAD[limit.column], math.nan, limit.of(STRICT)]
        scores[limit.column] = values[rng.integers(len(values))]
    return scores | {str(rng.choice(["sync_clip", "occluder_db", "seam"])): None}


@pytest.mark.parametrize(
    "setting",
    [{"identity": 1.5}, {"lip_distance": -1.0}, {"outside_db": 90.0}, {"identity": math.nan}, {"nose": 1.0}],
)
def test_limits_that_cannot_be_are_refused(setting):
    with pytest.raises(ValidationError):
        PairVerdictConfig(**setting)
