"""`redub dub` dubs with what the catalog promoted, as its weights ask to be sampled; what is named counts more."""

import numpy as np
import pytest

from flows.dubbing.choice import choose
from flows.dubbing.learnt import settings_for
from models.dubbing.request import Settings
from models.weights.references import mini_models
from storage.ledger.catalog import Catalog
from storage.media.encode import encode_video
from tests.flows.dubbing.files import RATE, never, picture, played, speech
from tests.flows.promoting import editor_file, editor_run, expert_file, expert_run
from tests.media_files import sound_file

pytestmark = pytest.mark.usefixtures("one_thread")
NOTHING = dict.fromkeys(("model", "vae", "whisper", "wav2vec", "text"), "")


@pytest.fixture
def catalog(here, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(encode_video(None, picture(30, (64, 64)), 25))
    sound_file("speech.wav", speech(RATE * 6 // 5)[None], RATE, "mono")
    return Catalog(str(tmp_path / "catalog"))


@pytest.fixture
def dub(here, catalog):
    def run(*words, check=True):
        said = here(
            "dub",
            "clip.mp4",
            "speech.wav",
            "out.mp4",
            "-c",
            catalog.root,
            "--device",
            "cpu",
            *words,
            check=check,
        )
        return " ".join(said.split())

    return run


def test_what_was_promoted_dubs_with_its_experts_as_its_weights_ask(here, catalog, dub, tmp_path):
    digest = editor_run(catalog)
    expert_run(catalog, "tex-a", f"run:ed@100 {digest}", expert_file(tmp_path, "texture"), "texture")
    here("promote", "ed", "tex-a", "-c", catalog.root)
    said = dub("--steps", 8, "--beside")
    assert "Editor run:ed@100 (promoted 20" in said
    assert (
        "), run:tex-a@50; 8 steps, shift 2.5, guidance 0 (seen) and 3.5 (heard), 25 frames at a time." in said
    )
    assert "out.mp4: 30 frames, 1.20 s of 64x64" in said
    with_expert = played(tmp_path / "out.mp4")[0].astype(int)
    assert "never on" not in said
    assert played(tmp_path / "out-beside.mp4")[0].shape == (30, 256, 512, 3)
    assert "), no expert; 8 steps" in dub("--steps", 8, "--expert", "none")
    without = played(tmp_path / "out.mp4")[0]
    assert np.abs(with_expert - without).mean() > 0.3
    assert "Editor run:ed@200, no expert; 2 steps" in dub("--model", "run:ed")
    assert np.abs(played(tmp_path / "out.mp4")[0].astype(int) - without).mean() > 1
    assert (
        "'texture' was never on: none of the 2 steps falls between noise levels 0 and 0.3; take more" in dub()
    )
    assert "would lose the experts; leave it out, or give --expert none" in dub("--float8", check=False)


def test_a_training_may_be_named_before_anything_is_promoted(catalog, dub):
    editor_run(catalog)
    assert "Editor run:ed@100, no expert; 2 steps" in dub("--model", "run:ed@best")
    assert "has no weights of step 7; it has those of 100, 200" in dub("--model", "run:ed@7", check=False)


def test_a_video_larger_than_what_the_editor_knows_is_refused_before_weights_are_loaded(
    here, catalog, dub, tmp_path, monkeypatch
):
    monkeypatch.setattr("flows.dubbing.dubbing.loaded", never)
    editor_run(catalog)
    here("promote", "ed", "-c", catalog.root)
    (tmp_path / "clip.mp4").write_bytes(encode_video(None, picture(30, (144, 256)), 25))
    said = dub(check=False)
    assert (
        "it is 256x144, and this editor learnt on faces of 64x64; give a clip of one face, cut out as" in said
    )
    assert "scaled to 64x64" in said


def test_without_a_promotion_what_is_shipped_dubs_or_the_public_checkpoint(tmp_path, monkeypatch):
    missing = choose(str(tmp_path / "none"), NOTHING, ())
    shipped = "editor" in mini_models()
    assert missing.weights["model"] == ("mini:editor" if shipped else "xdub")
    minis = {name: tmp_path / name for name in ("editor", "editor-lip", "vae")}
    monkeypatch.setattr("flows.dubbing.choice.mini_models", lambda: minis)
    chosen = choose(str(tmp_path / "none"), NOTHING | {"vae": "mine"}, ())
    assert chosen.weights == {
        "model": "mini:editor", "vae": "mine", "whisper": "mini:whisper", "wav2vec": "none", "text": "none",
    }  # fmt: skip
    assert chosen.experts == ("mini:editor-lip",)
    assert choose(str(tmp_path / "none"), NOTHING | {"model": "xdub"}, ()).weights["vae"] == "wan2.2-vae"


def test_settings_are_as_given_else_as_the_weights_ask_else_as_the_training_was(tmp_path):
    path = tmp_path / "editor.safetensors"
    path.write_bytes(editor_file())
    found = settings_for(str(path), {"frames": 29, "motion": 1}, steps=9, border=None, seed=4)
    assert (found.steps, found.seed, found.shift, found.clip, found.border) == (9, 4, 2.5, 25, False)
    path.write_bytes(editor_file(sampling=False))
    found = settings_for(str(path), {"frames": 29, "motion": 3, "companion_dropped": 0.0}, steps=None)
    assert found == Settings(clip=29, motion=9, reference=0.0)
    assert settings_for(str(path), {"frames": 77, "motion": 2, "companion_dropped": 0.1}) == Settings()
    assert settings_for(str(path), {}) == Settings()
