"""What is measured of editors is what it says, on pictures whose numbers are known; and an editor is shipped with it."""

import json
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.dit import expertfile, experts
from models.dit.checkpoint import load
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, stacked
from models.dubbing.suited import MINI_SAMPLING, said_of, settings_of
from models.mini.editor.measure import edited, measured
from models.mini.editor.ship import main
from models.mini.generator.people import film
from models.mini.generator.scores import films, scores_of
from models.mini.generator.strangers import Stranger, sounds_of, strangers
from models.weights.about import about

pytestmark = pytest.mark.usefixtures("one_thread")
WITH_EXPERTS = replace(MINI_SAMPLING, steps=2, shift=1.2)
CLEAR = (150, 151, 152, 154)


def filmed(person, **how):
    """A stranger of whom only pictures are looked at."""
    return Stranger(film(person, **how), {}, torch.zeros(0))


@cache
def clear_people():
    return [filmed(person, clear=True) for person in CLEAR]


def nearly(rgb):
    """Off by a grey level: of what is equal the PSNR is infinite."""
    return np.clip(rgb.astype(int) + 1, 0, 255).astype(np.uint8)


def test_the_truth_scores_as_high_as_can_be():
    people = clear_people()
    truth = nearly(films(people, 0))
    found = scores_of(people, truth, truth)
    assert found["opening_r"] > 0.85
    assert abs(found["leak"]) < 0.1
    assert found["width_r"] > 0.6
    assert min(found["psnr_full"], found["psnr_lips"], found["psnr_mask"]) > 47
    assert found["ssim_full"] > 0.99
    assert found["clip_likeness"] > 0.99
    assert not [name for name in found if "occluded" in name]


def test_the_source_as_it_was_is_all_leak_and_the_right_person():
    people = clear_people()
    source = films(people, 1)
    found = scores_of(people, source, source)
    assert found["leak"] > 0.85
    assert found["opening_r"] < 0.4
    assert found["identity"] == pytest.approx(1, abs=1e-5)
    assert found["psnr_lips"] == found["psnr_lips_of_the_source"] < 30
    assert found["silent_motion"] > 0.05
    assert found["silent_follows_source"] > 0.7


def test_a_mouth_that_keeps_still_has_hardly_any_silent_motion():
    people = [filmed(person, silent=1.0, clear=True) for person in CLEAR[:3]]
    shut, source = films(people, 0), films(people, 1)
    found = scores_of(people, source, shut)
    assert found["silent_motion"] < 0.02
    assert abs(found["silent_follows_source"]) < 0.4


def test_who_has_something_before_the_face_is_told_apart():
    hidden = [filmed(person, clear=False) for person in CLEAR[:2]]
    alone, both = (
        scores_of(people, films(people, 1), films(people, 1))
        for people in (hidden, [*hidden, *clear_people()])
    )
    assert "opening_r" not in alone
    assert both["leak"] == pytest.approx(scores_of(clear_people(), *[films(clear_people(), 1)] * 2)["leak"])
    for name in ("opening_r_occluded", "leak_occluded"):
        assert alone[name] == pytest.approx(both[name])


@cache
def net(over=False):
    torch.manual_seed(0)
    made = VideoDit(stacked(PRESETS["mini"]) if over else PRESETS["mini"]).eval()
    for one in made.parameters():
        if not one.any():  # a new net is deaf, and says nothing
            torch.nn.init.normal_(one, std=0.02)
    return made


@cache
def two_people():
    return strangers(150, 2)


def test_an_editor_is_shown_the_source_and_hears_the_truths_sound():
    people = two_people()
    sound, silence = sounds_of(people)
    made = edited(net(), people, sound, MINI_SAMPLING)
    assert (made.dtype, made.shape) == (np.uint8, (2, 25, 64, 64, 3))
    assert np.array_equal(made, edited(net(), people, sound, MINI_SAMPLING))
    for which, same in ((0, True), (1, False)):
        windows = {**people[0].windows, "target": people[0].windows["target"].clone()}
        windows["target"][which] += 1
        other = [Stranger(people[0].pair, windows, people[0].silence_FNA), people[1]]
        assert np.array_equal(made[0], edited(net(), other, sound, MINI_SAMPLING)[0]) == same
    assert not np.array_equal(made, edited(net(), people, silence, MINI_SAMPLING))
    assert not np.array_equal(made, edited(net(), people, sound, MINI_SAMPLING, seed=1))


def test_editors_of_both_kinds_are_measured_by_the_same_numbers():
    found, rgb = measured(net(over=True), two_people(), MINI_SAMPLING)
    beside, _ = measured(net(), two_people(), MINI_SAMPLING)
    assert rgb.shape == (2, 25, 64, 64, 3)
    assert found.keys() == beside.keys() >= {"opening_r", "leak_occluded", "ssim_full", "clip_likeness"}
    assert found["psnr_full"] != beside["psnr_full"]


def test_an_editor_and_its_expert_are_shipped_with_what_was_measured(tmp_path, monkeypatch):
    given, lip, out = (tmp_path / name for name in ("given.safetensors", "lip.safetensors", "out"))
    out.mkdir()
    save_file(
        net().state_dict(), given, {"about": json.dumps({"step": "7", "sampling": said_of(WITH_EXPERTS)})}
    )
    learnt = load(given)
    experts.attach(learnt, "lip", rank=2)
    for name, one in learnt.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(one, std=0.1)
    expertfile.save(learnt, "lip", lip)
    monkeypatch.setattr(
        sys, "argv", ["editor", str(given), "--lip", str(lip), "--people", "2", "--out", str(out)]
    )
    main()
    editor, expert = out / "editor.safetensors", out / "editor-lip.safetensors"
    assert {one.dtype for file in (editor, expert) for one in load_file(file).values()} == {torch.float16}
    assert settings_of(str(editor)) == WITH_EXPERTS
    said, of_expert = about(editor), about(expert)
    assert (said["step"], said["licence"], of_expert["licence"]) == ("7", "Apache-2.0", "Apache-2.0")
    assert of_expert["measured"]["psnr_full"] != said["measured"]["psnr_full"], "the expert changes something"
    assert said["measured"]["psnr_full"]["plus_minus"] > 0
    both = load(editor)
    assert expertfile.load(both, expert) == "lip"


def test_an_expert_that_sampling_passes_by_is_not_shipped(tmp_path, monkeypatch):
    given = tmp_path / "given.safetensors"
    save_file({"x": torch.zeros(1)}, given, {"about": json.dumps({"sampling": {"steps": 4, "shift": 6}})})
    monkeypatch.setattr(sys, "argv", ["editor", str(given), "--texture", str(given), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="4 steps at shift 6 have none where the texture expert is on"):
        main()
    assert [one.name for one in tmp_path.iterdir()] == ["given.safetensors"]
