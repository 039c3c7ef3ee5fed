"""The other half of a pair: what becomes of a clip, and what of clips that cannot have one."""

import dataclasses
import io
from functools import cache

import numpy as np
import pytest
import torch

from models.mini.generator.people import film
from models.weights.references import ModelError
from storage.media.container import open_media
from storage.media.decode import decode_audio
from storage.media.encode import encode_flac, encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.companion import Companion, CompanionConfig
from tasks.companion.clip_files import frames_of
from tasks.companion.networks import check_generator
from tasks.companion.rows import CompanionInput
from tasks.companion.sound import NoSound, joined_sound
from tasks.hearing import loudness_db
from tasks.masks import pack
from tasks.stage import Rejected

pytestmark = pytest.mark.usefixtures("one_thread")
RATE, FRAMES = 16000, 30


@cache
def stage():
    made = Companion()
    made.setup(Store())
    return made


@cache
def row():
    pair = film(243, clear=True)
    there = np.concatenate([np.arange(25), np.arange(23, 18, -1)])
    mask_FHW = pair.paint_2FHW[1][there]
    return CompanionInput(
        "c1", "c2", 0, FRAMES, 25.0,
        video=encode_video(None, pair.rgb_2FHWC[1][there], 25, crf=16),
        face_masks=pack(mask_FHW), occluder_masks=pack(np.zeros_like(mask_FHW)),
        partner_audio=encode_flac(pair.said[0].sound, RATE), second_audio=None, third_audio=None,
    )  # fmt: skip


def made_of(**given):
    (made,) = stage()([dataclasses.replace(row(), **given)])
    return made


def test_a_clip_gets_a_companion_of_its_own_length_that_speaks_the_partners_sound():
    made = made_of()
    clip_FHWC, other_FHWC = frames_of(row().video), frames_of(made.companion_video)
    assert clip_FHWC.shape == other_FHWC.shape
    with open_media(io.BytesIO(made.companion_audio)) as media:
        sound = decode_audio(media).samples
    assert len(sound) == FRAMES * RATE // 25
    with open_media(io.BytesIO(made.companion_video)) as media:
        assert media.audio is not None
    assert (made.origin, made.segments, made.starts, len(made.seams)) == ("generated", 2, [0, 18], 1)
    assert 0.05 < made.painted_share < 0.4
    assert decode_image(made.poster).shape == (4 * 64, 4 * 64, 3)


def test_the_same_row_gives_the_same_bytes_and_another_seed_others():
    assert made_of() == made_of()
    other = Companion(CompanionConfig(seed=1))
    other.setup(Store())
    (made,) = other([row()])
    assert made.companion_video != made_of().companion_video
    assert made.seed != made_of().seed


def test_pixels_outside_the_mask_are_the_clips_to_the_codecs_noise():
    clip_FHWC, other_FHWC = frames_of(row().video), frames_of(made_of().companion_video)
    outside = (clip_FHWC.astype(float) - other_FHWC)[~film_mask()]
    assert 10 * np.log10(255**2 / np.square(outside).mean()) > 38


def film_mask():
    from tasks.masks import unpack

    return unpack(row().face_masks)


def test_clips_that_cannot_have_one_are_rejected_each_with_its_reason():
    silence = encode_flac(np.zeros(RATE), RATE)
    hidden = pack(np.ones((FRAMES, 64, 64), bool))
    for given, code, word in (
        ({"partner_audio": None}, "partner_no_sound", "c2"),
        ({"partner_audio": silence}, "partner_silent", "dBFS"),
        ({"occluder_masks": hidden}, "hidden_face", "face"),
    ):
        made = made_of(**given)
        assert (type(made), made.id, made.code) == (Rejected, "c1", code)
        assert word in made.reason


def test_one_that_cannot_leaves_its_neighbours_alone():
    bad = dataclasses.replace(row(), id="bad", partner_audio=None)
    first, second = stage()([bad, row()])
    assert (first.id, first.code, second.id) == ("bad", "partner_no_sound", "c1")


def test_masks_of_another_clip_and_other_rates_are_refused():
    with pytest.raises(ValueError, match="masks are"):
        made_of(face_masks=pack(np.zeros((3, 64, 64), bool)))
    with pytest.raises(ValueError, match="30 frames a second"):
        made_of(fps=30.0)


def test_sounds_follow_one_another_without_a_click_and_silence_fills_the_rest():
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32) * 0.5
    flac = encode_flac(tone, RATE)
    sound = joined_sound([flac, flac, None], 0.5, 2.0)
    assert len(sound) == 2 * RATE
    assert np.abs(sound[: RATE // 2 - 400] - tone[RATE // 2 : -400]).max() < 1e-3
    assert np.abs(sound[RATE // 2 - 4 : RATE // 2 + 4]).max() < 0.02
    assert np.abs(sound[RATE + RATE // 2 :]).max() == 0
    assert -10 < loudness_db(tone) < -8
    with pytest.raises(NoSound):
        joined_sound([None, None, None], 0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"segment": 24}, {"motion": 4}, {"motion": 25}, {"steps": 0}, {"shift": float("nan")}, {"guidance": float("inf")},
        {"above": -1.0}, {"feather": 1.0}, {"crf": 99}, {"layers": []}, {"quiet_db": float("nan")},
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_when_it_is_read(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CompanionConfig(**wrong)


def test_another_hearing_than_the_generators_is_refused():
    with pytest.raises(ModelError, match=r"hears 96 numbers at a time.* gives 192"):
        Companion(CompanionConfig(layers=[0, 1])).setup(Store())


def test_an_editor_another_vae_and_what_is_no_net_are_refused_before_anything_is_painted(tmp_path):
    import json
    from dataclasses import asdict, replace

    from safetensors.torch import save_file

    from models.dit.net import VideoDit
    from models.dit.presets import PRESETS, stacked

    small = replace(PRESETS["mini"], layers=1, dim=48)
    for name, config in (("editor", small), ("other", stacked(replace(small, channels=16)))):
        about = {"about": json.dumps({"dit": json.dumps(asdict(config))})}
        save_file(VideoDit(config).state_dict(), tmp_path / f"{name}.safetensors", about)
    save_file({"a": torch.zeros(1)}, tmp_path / "nothing.safetensors")
    for name, words in (("editor", "is an editor"), ("other", "16 channels"), ("nothing", "no generator")):
        with pytest.raises(ModelError, match=words):
            check_generator(CompanionConfig(generator=str(tmp_path / f"{name}.safetensors")))
