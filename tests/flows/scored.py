"""A catalog whose newest rebuild has scored pairs, its tables written by hand: ids, scores, speakers, occluders."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.ledger.node import Node
from tasks.captions import Captions
from tasks.companion import Companion
from tasks.pairscores import PairScores
from tasks.pairverdict import LIMITS, PairVerdict, PairVerdictConfig
from tasks.speakers import Speakers
from tasks.stage import Stage
from tasks.verdict import Verdict

GOOD = {
    "given_place": None, "identity": 0.93, "identity_least": 0.9, "lip_distance": 2.5, "lip_noise": 0.5, "lost_share": 0.0,
    "sync_clip": 6.0, "sync_companion": 5.0, "sync_crossed": 1.0, "outside_db": 40.0, "occluder_db": None,
    "seam": 1.0, "flicker": 1.0, "colour_drift": 1.0, "yaw": 12.0,
}  # fmt: skip
assert set(GOOD) == {limit.column for limit in LIMITS}


def nodes(limits: PairVerdictConfig, scored: str = "a") -> dict[str, Node]:
    """The stages that count here. `scored` stands for whatever else is in the fingerprint of the scores."""
    captions, companion = (_node(stage, {}) for stage in (Captions, Companion))
    scores = _node(PairScores, {"made": scored}, companion, captions)
    others = [_node(Verdict, {}), captions, _node(Speakers, {}), companion]
    judged = _node(PairVerdict, limits.model_dump(mode="json"), scores)
    return {node.name: node for node in (*others, scores, judged)}


def _node(stage: type[Stage], config: dict[str, Any], *upstream: Node) -> Node:
    made = Computation(stage.name, stage.version, config, {}, tuple(node.fingerprint for node in upstream))
    return Node(stage.name, stage.Output, made, tuple(node.name for node in upstream))


def record(catalog: Catalog, known: Mapping[str, Node], run: str = "r1") -> None:
    """As a rebuild that has these stages begins."""
    catalog.record(list(known.values()))
    log = dict.fromkeys(("recipe", "profile", "sources", "flow_run", "git_commit", "message"), "")
    fingerprints = [node.fingerprint for node in known.values()]
    catalog.log_run(run=run, event="started", fingerprints=fingerprints, **log)


def many_scores(count: int) -> dict[str, np.ndarray]:
    """Scores as they spread about the limits."""
    rng = np.random.default_rng(7)
    scores = {name: np.full(count, np.nan if value is None else value) for name, value in GOOD.items()}
    scores["identity"] = 1 - rng.gamma(2.0, 0.05, count)
    scores["lip_distance"] = rng.gamma(3.0, 0.9, count)
    scores["yaw"] = np.abs(rng.normal(0, 20, count))
    return scores


def columns_of(scores: Mapping[str, Sequence[float | None]]) -> dict[str, pa.Array]:
    """Scores as the table has them; what a pair does not have is null and not NaN."""
    made = {name: pa.array(values, pa.float64()) for name, values in scores.items()}
    missing = pa.nulls(len(made["identity"]), pa.float64())
    return made | {name: missing for name, value in GOOD.items() if value is None}
