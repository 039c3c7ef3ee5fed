"""`redub promote`, as a person meets it: what passes the gates and belongs together is what a catalog dubs with."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.ledger.catalog import Catalog
from storage.trainings.names import run_uri, training_lock
from storage.trainings.promotion import promoted, promotions
from storage.trainings.records import Attempt
from storage.trainings.writing import drop_checkpoint, drop_training
from tasks.training.checkpoints import Place
from tests.flows.promoting import GOOD, SAMPLING, begun, editor_file, editor_run, expert_run

Run = Callable[..., str]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(str(tmp_path / "catalog"))


@pytest.fixture
def promote(catalog: Catalog, run_command: Run) -> Run:
    def run(*words: object, check: bool = True) -> str:
        return " ".join(run_command("promote", *words, "-c", catalog.root, check=check).split())

    return run


def test_what_passes_is_written_down_with_all_that_is_known_of_it(catalog: Catalog, promote: Run) -> None:
    digest = editor_run(catalog)
    lip = expert_run(catalog, "lip-a", f"run:ed@100 {digest}")
    said = promote("ed", "lip-a")
    assert "run:ed@100 opening_r 0.8 >= 0.65 yes" in said
    assert "run:lip-a@50 leak 0.05 <= 0.1 yes" in said
    assert "Promoted: run:ed@100 with run:lip-a@50. `redub dub -c" in said
    one = promoted(catalog)
    assert one is not None
    assert [(each.uri, each.kind, each.digest, each.measured) for each in one.all] == [
        ("run:ed@100", "structure", digest, GOOD), ("run:lip-a@50", "lip", lip, GOOD),
    ]  # fmt: skip
    assert (one.data, one.data_digest, one.reason) == ("world:people=8", "c0ffee", "")
    assert (one.sampling, one.gates) == (SAMPLING, {"opening_r": 0.65, "leak": 0.1, "identity": 0.9})
    assert "Promoted already" in promote("ed", "lip-a")
    assert len(promotions(catalog)) == 1


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        (
            {},
            r"run:ed@100 has no opening_r: it was not validated, or saw no face; .*ed@STEP.*--anyway REASON",
        ),
        (
            {"opening_r": 0.6, "leak": 0.3},
            r"opening_r 0\.6, and the gate is >= 0\.65; train on, name another step",
        ),
        ({"leak": 0.2}, r"has leak 0\.2, and the gate is <= 0\.1"),
        ({"identity": float("nan")}, r"has identity nan, and the gate is >= 0\.9"),
    ],
)
def test_what_does_not_pass_a_gate_is_refused_unless_it_is_said_why(
    catalog: Catalog, promote: Run, metrics: dict[str, float], says: str
) -> None:
    editor_run(catalog, metrics=GOOD | metrics if metrics else {})
    said = promote("ed", check=False)
    assert re.search(says, said), said
    assert " no " in said, "the table says which"
    assert promoted(catalog) is None
    assert not (Path(catalog.root) / "promotions").exists()
    promote("ed", "--anyway", "to look at it")
    one = promoted(catalog)
    assert one is not None
    assert one.reason == "to look at it"
    assert "anyway: to look at it" in promote("--list")


def test_each_expert_has_to_pass_too(catalog: Catalog, promote: Run) -> None:
    digest = editor_run(catalog)
    expert_run(catalog, "lip-a", f"run:ed@100 {digest}", metrics=GOOD | {"leak": 0.4})
    assert "run:lip-a@50 has leak 0.4, and the gate is <= 0.1" in promote("ed", "lip-a", check=False)
    promote("ed", "lip-a", "--gate", "leak=0.5")
    one = promoted(catalog)
    assert one is not None
    assert (one.gates["leak"], one.reason) == (0.5, "")


def test_of_clips_only_what_was_measured_is_asked_for(catalog: Catalog, promote: Run) -> None:
    editor_run(catalog, "a", {"psnr_lips": 20.0}, data="v3")
    assert "run:a@100 opening_r - >= 0.65 not asked" in promote("a")
    editor_run(catalog, "b", {"psnr_lips": 20.0, "leak": 0.5}, data="v3")
    assert "run:b@100 has leak 0.5" in promote("b", check=False)
    editor_run(catalog, "c", {"psnr_lips": 12.0}, data="v3")
    assert "run:c@100 has psnr_lips 12, and the gate is >= 18" in promote("c", check=False)


def test_what_does_not_belong_together_is_refused_and_told_what_to_do(catalog: Catalog, promote: Run) -> None:
    digest = editor_run(catalog)
    expert_run(catalog, "lip-a", f"run:ed@100 {digest}")
    expert_run(catalog, "lip-b", f"run:ed@100 {digest}")
    expert_run(catalog, "lip-other", f"run:ed@200 {'0' * 64}")
    begun(catalog, "gen-a", "generator")
    begun(catalog, "new", "structure")
    for words, says in (
        (("de",), "has no training 'de'; it has"),
        (("gen-a",), "gen-a is a generator training, and dubbing takes an editor; name a structure training"),
        (("lip-a",), "lip-a is a lip training, and the editor comes first; name the structure training .*: run:ed@100"),
        (("new",), r"training new \(killed\) has no checkpoint; go on with it \(redub train resume new\)"),
        (("ed", "ed"), "both structure trainings; name one editor"),
        (("ed", "lip-a", "lip-b"), "lip-a and lip-b are both lip experts, .*; leave out one"),
        (("ed", "lip-other"), r"lip-other learnt over run:ed@200 \(sha256 0{12}\), which is not run:ed@100 .*--set init="),
        (("ed", "--step", 200, "lip-a"), "lip-a learnt over run:ed@100 .*, which is not run:ed@200"),
        (("ed", "--step", 150), "training ed has no checkpoint for 'step 150'; those that it keeps: 100, 200"),
        (("ed", "--gate", "beauty=1"), "there is no gate 'beauty' for world:people=8; give --gate METRIC=LIMIT of: open"),
        (("ed", "--gate", "leak=low"), "--gate leak=low names no limit"),
    ):  # fmt: skip
        said = promote(*words, "--anyway", "no reason helps", check=False)
        assert re.search(says, said), said
    assert promotions(catalog) == []


def test_an_older_one_comes_back_also_when_its_training_is_gone(catalog: Catalog, promote: Run) -> None:
    digest = editor_run(catalog)
    expert_run(catalog, "lip-a", f"run:ed@100 {digest}")
    promote("ed", "lip-a")
    promote("ed@200")
    with training_lock(catalog, "lip-a"):
        drop_training(catalog, "lip-a")
    for step in (100, 200):  # as a training that goes on does with what it doesn't keep
        Place(run_uri(catalog, "ed")).remove(step)
        assert drop_checkpoint(catalog, Attempt("ed", 1), step, "older than those that are kept") == ""
    kept = {path.stem for path in (Path(catalog.root) / "promotions").iterdir()}
    assert kept == {each.digest for one in promotions(catalog) for each in one.all}
    promote("ed", "--step", 100, "lip-a@50")
    found = promotions(catalog)
    assert [one.editor.step for one in found] == [100, 200, 100]
    assert (found[2].digests, found[2].sampling) == (found[0].digests, SAMPLING)
    said = promote("--list")
    assert re.match(r"now \S+ \S+ run:ed@100 with run:lip-a@50 on world:people=8, code ", said), said
    assert said.count("run:ed@200") == 1


def test_programs_are_told_the_same(catalog: Catalog, run_command: Run) -> None:
    assert run_command("promote", "-c", catalog.root, check=False).count("there is no catalog at") == 1
    editor_run(catalog, metrics=GOOD | {"leak": 0.2})
    assert "Nothing was promoted" in run_command("promote", "-c", catalog.root)
    said = run_command("promote", "ed", "-c", catalog.root, "--json", check=False)
    refused = json.loads(said[: said.rindex("}") + 1])
    assert (refused["promoted"], refused["checks"][1]["passed"]) == (None, False)
    done = json.loads(run_command("promote", "ed", "--anyway", "x", "-c", catalog.root, "--json"))
    assert (done["new"], done["promoted"]["editor"]["uri"], done["promoted"]["reason"]) == (
        True,
        "run:ed@100",
        "x",
    )
    assert json.loads(run_command("promote", "-c", catalog.root, "--json")) == [done["promoted"]]


def test_weights_that_are_not_what_was_written_are_refused(catalog: Catalog, promote: Run) -> None:
    digest = editor_run(catalog)
    place = Path(catalog.root) / "trainings/ed/step-00000100/weights.safetensors"
    place.write_bytes(editor_file(1))
    said = promote("ed", check=False)
    assert re.search(f"is not what its training wrote: expected sha256 {digest}, found", said), said
    place.write_bytes(b"half of it")
    assert "is no safetensors file, or a damaged one" in promote("ed", check=False)
    assert promotions(catalog) == []
    assert list((Path(catalog.root) / "promotions").iterdir()) == []
