"""What the nodes of a cluster lack or have otherwise than this machine, each with what mends it: for `redub doctor`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flows.node_facts import NodeFacts, node_facts
from infra.everywhere import ask_everywhere
from infra.profiles import Profile
from infra.resources import Node
from models.weights.known import called
from storage.ledger.catalog import Catalog


@dataclass(frozen=True)
class Difference:
    what: str
    remedy: str = ""
    """Empty where nothing differs."""


def differences(
    profile: Profile, references: Sequence[str], catalog: Catalog, recipe: str
) -> Iterator[Difference]:
    """Of every node of the cluster that is joined, at least one line."""
    here = node_facts(references, catalog)
    for node, there in ask_everywhere(profile, node_facts, references, catalog):
        name = f"node {node.address} ({node.id[:8]})"
        yield from _found(name, here, there, recipe) or [Difference(_same(name, node, here))]


def _same(name: str, node: Node, here: NodeFacts) -> str:
    has = f"{node.cpus:g} CPUs, {node.gpus} GPUs, {node.memory_gb:.0f} GB for workers"
    return f"{name}: {has}; code {here.commit}, {len(here.packages)} packages and {len(here.weights)} weights as here"


def _found(name: str, here: NodeFacts, there: Any, recipe: str) -> list[Difference]:
    if isinstance(there, ImportError):
        return [
            Difference(
                f"{name}: redub is not installed there, or is older ({there})", _same_code(here.commit)
            )
        ]
    if not isinstance(there, NodeFacts):
        line = " ".join(str(there).split())[:200]
        return [
            Difference(
                f"{name}: does not answer ({type(there).__name__}: {line})", "see `ray status`, and its logs"
            )
        ]
    return [*_code(name, here, there), *_packages(name, here, there), *_weights(name, here, there, recipe)]


def _same_code(commit: str) -> str:
    return f"install there what is here ({commit}), and start its node again: `ray stop`, `ray start --address=...`"


def _code(name: str, here: NodeFacts, there: NodeFacts) -> Iterator[Difference]:
    if there.code != here.code:
        other = there.commit if there.commit != here.commit else f"{there.commit} with other files"
        yield Difference(f"{name}: code {other}, and here {here.commit}", _same_code(here.commit))
    if here.catalog and not there.catalog:
        yield Difference(
            f"{name}: does not see the catalog that is here",
            "put it on a file system that all nodes have under the same name, or on an object store (s3://...)",
        )


def _packages(name: str, here: NodeFacts, there: NodeFacts) -> Iterator[Difference]:
    names = sorted(here.packages.keys() | there.packages.keys())
    pairs = [(one, there.packages.get(one, "missing"), here.packages.get(one, "missing")) for one in names]
    other = ", ".join(f"{one} {theirs} (here {ours})" for one, theirs, ours in pairs if theirs != ours)
    if other:
        yield Difference(f"{name}: {other}", "`uv sync --frozen` there, and start its node again")


def _weights(name: str, here: NodeFacts, there: NodeFacts, recipe: str) -> Iterator[Difference]:
    for one, ours in here.weights.items():
        if one in there.unreadable:
            yield Difference(
                f"{name}: weights {called(one)} are missing", f"there: redub models pull --recipe {recipe}"
            )
        elif there.weights[one] != ours:
            theirs = there.weights[one][:12]
            yield Difference(
                f"{name}: weights {called(one)} are {theirs}, and here {ours[:12]}",
                f"delete them there, then: redub models pull --recipe {recipe}",
            )
