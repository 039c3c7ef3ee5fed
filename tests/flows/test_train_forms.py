"""Each kind of training is a flow that prefect.yaml deploys, with one short form that says what it is for."""

from typing import Any

import yaml
from prefect.flows import load_flow_from_entrypoint

from flows.server import ROOT
from flows.training.recipes import TRAININGS

FORM = {"catalog", "data", "recipe", "overrides", "profile", "run"}


def test_every_kind_of_training_is_deployed_under_its_name_with_a_form_that_explains_itself() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    trains = [one for one in deployments if "training" in one["tags"]]
    flows: dict[str, Any] = {
        one["entrypoint"]: load_flow_from_entrypoint(one["entrypoint"]) for one in trains
    }
    assert {one.name for one in flows.values()} == {f"train-{kind}" for kind in TRAININGS}
    for kind in TRAININGS:
        found = flows[f"flows.train.train_{kind}"]
        fields = found.parameters.model_dump()["properties"]
        assert fields.keys() == FORM
        assert all(field["description"] for field in fields.values())
        assert all(name in fields["recipe"]["description"] for name in TRAININGS[kind])
        assert found.name == f"train-{kind}"
    assert len({one.description.splitlines()[0] for one in flows.values()}) == len(flows)
