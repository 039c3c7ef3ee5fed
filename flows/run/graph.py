"""The graph that a recipe stands for: stages, what each reads from which, and their fingerprints."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields

from flows.recipes import STAGES, Stages
from storage.ledger import mask_verdicts
from storage.ledger.fingerprint import Computation
from storage.ledger.node import SOURCES, NamedRead, Node
from storage.ledger.rows import row_fields
from tasks.stage import Collective, Expand, Stage, Through


def stages_of(recipe: Stages) -> dict[str, Stage]:
    return {name: STAGES[name](config) for name, config in recipe.configs().items()}


def nodes_of(stages: Mapping[str, Stage]) -> list[Node]:
    """Each stage's fingerprint: its code version, config and weights, and those of the stages it takes columns from.

    A stage that is read for nothing but that it let an item through, such as the verdict, is a gate: what
    comes after follows from the item and not from the gate, so other thresholds compute no item again.
    """
    nodes: dict[str, Node] = {SOURCES.name: SOURCES}
    for name, stage in stages.items():
        reads = tuple(up.name for up in stage.own_reads()) or (SOURCES.name,)
        assert all(r in nodes for r in reads), f"{name} reads {reads}, which must come before it in STAGES"
        named = tuple(_named(stage, read, nodes) for read in stage.reads if isinstance(read, Through))
        upstream = _fingerprints(stage, [nodes[r] for r in reads], named, nodes)
        config = stage.config.model_dump(mode="json")
        made = Computation(name, stage.version, config, stage.weights(), upstream)
        expands = isinstance(stage, Expand)
        chooses = isinstance(stage, Collective) and stage.chooses
        nodes[name] = Node(name, stage.Output, made, reads, expands, named, stage.facts, chooses)
    return list(nodes.values())[1:]


def _named(stage: Stage, read: Through, nodes: Mapping[str, Node]) -> NamedRead:
    assert read.stage.name in nodes, (
        f"{stage.name} reads {read.stage.name}, which must come before it in STAGES"
    )
    holder = next((up.name for up in stage.own_reads() if read.by in row_fields(up.Output)), None)
    if holder is None:
        raise TypeError(
            f"{stage.name} reads through {read.by!r}, which no stage that it reads has as a column"
        )
    return NamedRead(read.stage.name, read.by, holder, read.optional)


def _fingerprints(
    stage: Stage, reads: Sequence[Node], named: Sequence[NamedRead], nodes: Mapping[str, Node]
) -> list[str]:
    """Of the stages that a column is taken from, be it only the name of another item."""
    taken = input_columns(stage, reads, [(read, nodes[read.stage]) for read in named])
    through = [read for read, columns in zip(named, taken[len(reads) :], strict=True) if columns]
    holders = {read.holder for read in through}
    return [
        *(
            node.fingerprint
            for node, columns in zip(reads, taken[: len(reads)], strict=True)
            if (columns or node.name in holders) and node.name != SOURCES.name
        ),
        *(f"{nodes[read.stage].fingerprint} by {read.by}" for read in through),
    ]


def input_columns(
    stage: Stage, reads: Sequence[Node], named: Sequence[tuple[NamedRead, Node]] = ()
) -> list[dict[str, str]]:
    """Per upstream table, the fields of the stage's Input that come from it, and from which column.

    Of the item's own rows the nearest that has a column of this name; else another item's, by `by_column`. A field with
    a default that no table has keeps it.
    """
    own = [{column: column for column in row_fields(up.output)} for up in reads]
    others = [{f"{read.by}_{column}": column for column in row_fields(up.output)} for read, up in named]
    have = [*own, *others]
    columns: list[dict[str, str]] = [{} for _ in have]
    optional = {field.name for field in fields(stage.Input) if field.default is not MISSING}
    for name in row_fields(stage.Input):
        if name in ("id", mask_verdicts.COLUMN):
            continue
        owner = next((i for i, names in enumerate(have) if name in names), None)
        if owner is None and name in optional:
            continue
        if owner is None:
            sources = ", ".join(up.name for up in [*reads, *(up for _, up in named)])
            raise TypeError(f"{stage.name}.Input wants {name!r}, which none of {sources} gives")
        columns[owner][name] = have[owner][name]
    return columns
