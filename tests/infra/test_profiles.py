"""Profiles: what is shipped can be read, and what is wrong in a file of yours is said plainly."""

from pathlib import Path

import pytest

from infra.profiles import ProfileError, Training, built_in_names, load_profile, needs_for
from infra.resources import Needs


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return str(path)

    return write


def test_what_is_shipped_can_be_read():
    assert built_in_names() == ["laptop", "a100x32", "h100x8", "gpu24g"]
    assert [load_profile(name).gpus for name in built_in_names()] == [0, 32, 8, 1]


def test_a_training_takes_what_the_profile_says_and_is_small_by_default(write):
    assert load_profile(write("[mine]")).training == Training()
    training = load_profile(write("[mine]\ntraining = { workers = [2, 4], gpus = 1 }")).training
    assert (training.workers, training.fewest, training.gpus) == ((2, 4), 2, 1)
    assert [load_profile(name).training.fewest for name in built_in_names()] == [1, 16, 8, 1]


def test_a_profile_overrides_what_a_stage_takes(write):
    profile = load_profile(write("[mine]\nneeds.captions = { gpus = 0.5, batch = 4 }"))
    default = Needs(cpus=2, gpus=1)
    assert needs_for(profile, "captions", default) == Needs(cpus=2, gpus=0.5, batch=4)
    assert needs_for(profile, "scores", default) == default


def test_one_of_several_profiles_of_a_file(write):
    path = write("[a]\ncpus = 1\n[b]\ncpus = 2")
    assert load_profile(f"{path}#b").cpus == 2
    with pytest.raises(ProfileError, match="holds 2 profiles; say which"):
        load_profile(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[mine]\ncpu = 4",
            r"mine.toml, profile mine, field cpu: there is no such field \(did you mean cpus",
        ),
        ("[mine]\ncpus = 'many'", r"mine.toml, profile mine, field cpus: .*valid number"),
        ("[mine]\nneeds.captions = { gpu = 1 }", r"captions has an unknown field 'gpu'.*did you mean"),
        ("[mine]\nneeds.captions = { batch = 0 }", r"captions.batch is 0, and goes from 1 to 100,000"),
        ("[mine]\nneeds.captions = { timeout_s = 0 }", r"captions.timeout_s is 0.*, and goes from 0.1 to"),
        ("[mine]\nneeds.captions = { gpus = 'all' }", r"field needs: .*captions.gpus is 'all'.*valid number"),
        (
            "[mine]\ntraining = { workers = [4, 2] }",
            r"field training.workers: .*the fewest workers come first",
        ),
        (
            "[mine]\ntraining = { zero = 4 }",
            r"profile mine, field training.zero: Input should be 0, 1, 2 or 3",
        ),
        ("[mine]\ntraining = { gpu = 1 }", r"field training.gpu: there is no such field"),
        (
            "[mine]\nray_address = 'auto'\nobject_store_mb = 100",
            r"object_store_mb has no effect on a cluster that is joined .*--object-store-memory=104857600",
        ),
        ("[mine\ncpus = 4", r"mine.toml can't be read"),
        ("cpus = 4", r"'cpus' stands outside any profile"),
        ("[other]", r"there is no profile 'mine'.*there are other"),
    ],
)
def test_faults_name_file_row_field_and_reason(write, text, said):
    with pytest.raises(ProfileError, match=said):
        load_profile(write(text) + "#mine")


def test_a_name_that_does_not_exist():
    with pytest.raises(ProfileError, match=r"there are laptop, a100x32, .*did you mean a100x32"):
        load_profile("a100x23")
    with pytest.raises(ProfileError, match=r"there is no file nowhere\.toml"):
        load_profile("nowhere.toml")
