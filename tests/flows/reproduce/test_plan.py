"""A training's name changes with what its weights follow from, and with nothing else."""

from dataclasses import replace

import pytest

from flows.reproduce.plan import (
    BUDGETS,
    EDITED,
    EXPERTLY,
    GENERATOR,
    NAMES,
    STARRED,
    Budget,
    Planned,
    chosen,
    expert_over,
    in_two_parts,
    line_of,
    trainings_of,
    variants_of,
)
from models.dit.flow import expert_at, schedule
from models.weights.runs import split_run

TOY = Budget(crop=4, whole=2, expert=1, batch=2, people=25)


def names(budget: Budget) -> dict[str, str]:
    """Of the trainings, by their labels."""
    return {one.label: one.name for one in trainings_of(variants_of(budget))}


def changed(budget: Budget) -> set[str]:
    """Labels of the trainings that are other ones than those of the toy budget."""
    before, after = names(TOY), names(budget)
    assert before.keys() == after.keys()
    return {label for label in before if before[label] != after[label]}


def test_every_training_is_there_once_and_after_its_parent() -> None:
    planned = trainings_of(variants_of(TOY))
    assert len(planned) == len({one.name for one in planned}) == 10
    for number, one in enumerate(planned):
        assert one.parent is None or one.parent in planned[:number]
        assert split_run(one.reference) == (one.name, str(one.steps)), "it may be called so"


def test_the_same_plan_has_the_same_names() -> None:
    assert not changed(replace(TOY, looked_at=1))


def test_trained_again_every_net_is_another_and_differs_in_nothing_but_its_seed() -> None:
    first, second = (trainings_of(variants_of(TOY, again)) for again in (0, 1))
    assert not {one.name for one in first} & {one.name for one in second}
    for one, other in zip(first, second, strict=True):
        mine, its = ({k: v for k, v in x.recipe.model_dump().items() if k != "init"} for x in (one, other))
        assert {key for key in mine if mine[key] != its[key]} == {"seed"}


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({"expert": 2}, {"lip", "texture"}),
        ({"whole": 3}, {"lip", "texture", "control-whole", "structure-whole", "uniform-whole", "over-whole"}),
        ({"people": 50}, None),
        ({"batch": 4}, None),
        ({"crop": 5}, None),
    ],
)
def test_what_changes_a_training_changes_its_name_and_those_of_what_is_made_from_it(
    change: dict[str, int], labels: set[str] | None
) -> None:
    assert changed(replace(TOY, **change)) == (names(TOY).keys() if labels is None else labels)


def test_a_setting_counts_unless_no_weight_follows_from_it() -> None:
    def with_settings(*settings: str) -> Planned:
        return Planned("a", "structure", settings, 10, 25)

    plain = with_settings().name
    for said in ("save_every=7", "keep=1", "validate_on=2", "validate_every=5"):
        assert with_settings(said).name == plain
    others = {
        with_settings(said).name for said in ("seed=7", "alpha=3", "optimizer.warmup=3", "companion=over")
    }
    assert len(others | {plain}) == 5


def test_another_parent_gives_another_child() -> None:
    one, other = (in_two_parts("e", "structure", TOY, 0, *more) for more in ((), ("alpha=3",)))
    assert one.name != other.name
    assert expert_over(one, "lip", TOY).name != expert_over(other, "lip", TOY).name


def test_the_teacher_trains_on_for_as_many_samples_as_the_editor() -> None:
    by_name = {one.name: one for one in variants_of(BUDGETS["full"])}
    control, editor = (list(line_of(by_name[name].net)) for name in ("control", "structure"))  # type: ignore[arg-type]
    assert [one.kind for one in control] == ["generator"] * 2
    assert [one.kind for one in editor] == ["structure"] * 2
    for ours, theirs in zip(control, editor, strict=True):
        assert (ours.steps, ours.recipe.batch, ours.data) == (theirs.steps, theirs.recipe.batch, theirs.data)
    assert control[0].recipe.init == editor[0].recipe.init == GENERATOR


def test_ablations_differ_from_the_editor_in_one_setting() -> None:
    by_name = {one.name: one for one in variants_of(TOY)}

    def settings(name: str) -> set[tuple[str, str]]:
        net = by_name[name].net
        assert net is not None
        return {(k, str(v)) for k, v in net.recipe.model_dump().items() if k != "init"}

    assert dict(settings("uniform t") - settings("structure")) == {"times": "uniform"}
    assert dict(settings("channel concat") - settings("structure")) == {"companion": "over"}
    assert by_name["editor"].experts == by_name["lip only"].experts + by_name["texture only"].experts
    assert by_name["no experts"].net == by_name["structure"].net
    assert by_name["generator*"].net == by_name["control"].net
    assert [one.name for one in by_name.values() if not one.helped] == ["generator*"]


STRUCTURES = ("structure", "with lip", "uniform t", "channel concat")


def test_whatever_has_experts_is_sampled_with_steps_for_each_as_is_what_they_are_told_from() -> None:
    assert {expert_at(t) for t in schedule(EXPERTLY.steps, EXPERTLY.shift)[:-1]} >= {"lip", "texture"}
    for one in variants_of(TOY):
        if one.name == "no experts" or (one.experts and one.name != "with lip"):
            assert one.sampled == EXPERTLY
    compared = [one for one in variants_of(TOY) if one.name in STRUCTURES]
    assert {one.sampled for one in compared} == {EDITED}
    assert "lip" in {expert_at(t) for t in schedule(EDITED.steps, EDITED.shift)[:-1]}
    assert STARRED.steps == EDITED.steps


def test_some_variants_can_be_chosen() -> None:
    assert [one.name for one in chosen(variants_of(TOY), ["editor", "generator"])] == ["generator", "editor"]
    assert tuple(one.name for one in chosen(variants_of(TOY), [])) == NAMES
