"""The stage `pairscores`: scores of a clip and its companion, from which `pairverdict` decides."""

from tasks.pairscores.rows import PairScoresInput, PairScoresRow
from tasks.pairscores.stage import PairScores, PairScoresConfig

__all__ = ["PairScores", "PairScoresConfig", "PairScoresInput", "PairScoresRow"]
