"""What validators of the generator measure is what they say: on films of the procedural world, with nets untrained."""

import io
import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch

from models.audio.whisper import LAST, Whisper
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, stacked
from models.mini.generator.corpus import windows_of
from models.mini.generator.people import Pair, film
from models.mini.vae.measure import load as load_vae
from models.world.body.head import head
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.images import decode_image
from tasks.training.clip_validation import ClipValidator, against_truth, others_of
from tasks.training.mouths import Looks, identity, mouth_metrics, sync
from tasks.training.seen_windows import RATE, SeenWindow
from tasks.training.window_validation import spread
from tasks.training.world_validation import FIRST, WorldValidator

PEOPLE = 3

pytestmark = pytest.mark.chaos


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def net() -> VideoDit:
    torch.manual_seed(0)
    return VideoDit(stacked(PRESETS["mini"])).eval()


def as_seen(pair: Pair, number: int) -> SeenWindow:
    """One of a pair's two films, with the points that it was rendered by."""
    points_FL2, said = pair.landmarks_2FL2[number], pair.said[number]
    sound = said.sound[said.start * 640 :][: 25 * 640]
    return SeenWindow(
        f"person{pair.person}-{number}@0", pair.rgb_2FHWC[number], pair.paint_2FHW[number], pair.lips_2FHW[number],
        np.pad(sound, (0, 25 * 640 - len(sound))), points_FL2, points_FL2[:, head().five()], said.mouth_F3[:, 0],
    )  # fmt: skip


class FilmedWindows:
    """Rendered people in place of a version's clips."""

    not_cached = ""

    @cached_property
    def pairs(self) -> list[Pair]:
        return [film(FIRST + n, clear=True) for n in range(PEOPLE)]

    @property
    def ids(self) -> list[str]:
        return [f"person{FIRST + n}-0@0" for n in range(PEOPLE)]

    def seen(self, samples: Sequence[int]) -> list[SeenWindow]:
        return [as_seen(self.pairs[sample], 0) for sample in samples]

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        vae, whisper = load_vae("mini:vae"), Whisper("mini:whisper", (LAST,))
        rows = [windows_of(self.pairs[sample], vae, whisper) for sample in samples]
        return {
            "masked_BCFHW": torch.stack([row["masked"][0] for row in rows]).float(),
            "reference_BCHW": torch.stack([row["target"][0, :, 0] for row in rows]).float(),
            "audio_BFNA": torch.stack([row["audio"][0] for row in rows]).float(),
        }


@pytest.fixture(scope="module")
def seen() -> list[SeenWindow]:
    return FilmedWindows().seen(range(PEOPLE))


def test_clips_are_painted_with_their_own_and_with_anothers_sound_and_measured_against_themselves(net):
    validator = ClipValidator(FilmedWindows(), "mini:vae", PEOPLE)
    found = validator(net, 5)
    assert next(iter(found.metrics)) == "psnr_lips"
    assert set(found.metrics) >= {
        "psnr_mask", "psnr_lips_other_sound", "heard_db", "opening_r", "leak", "identity", "sync_c",
    }  # fmt: skip
    assert 5 < found.metrics["psnr_lips"] < 40
    assert found.metrics["heard_db"] == pytest.approx(
        found.metrics["psnr_lips"] - found.metrics["psnr_lips_other_sound"]
    )
    assert decode_image(found.pictures["clips.png"]).shape[2] == 3
    with open_media(io.BytesIO(found.pictures["clips.mp4"])) as media:
        assert len(list(decode_video(media))) == PEOPLE * 25
        assert len(decode_audio(media, rate=RATE).samples) == pytest.approx(PEOPLE * RATE, rel=0.1)
    again = validator(net, 6)
    assert again.metrics == found.metrics, "only the weights may change what is found"
    assert "_prepared" not in pickle.loads(pickle.dumps(validator)).__dict__


def test_people_of_the_world_are_measured_against_the_truth(net):
    found = WorldValidator(people=2)(net, 5)
    assert next(iter(found.metrics)) == "psnr_lips"
    assert set(found.metrics) >= {"psnr_mask", "opening_r", "leak", "identity"}
    assert set(found.pictures) == {"people.png", "people.mp4"}


def test_a_perfect_film_scores_above_one_with_other_lips(seen):
    perfect = np.stack([one.rgb_FHWC for one in seen])
    pairs = FilmedWindows().pairs
    other = np.stack([pair.rgb_2FHWC[1] for pair in pairs])
    nearly = np.clip(perfect.astype(int) + 1, 0, 255).astype(np.uint8)
    metrics = against_truth(seen, nearly, other)
    assert metrics["psnr_lips"] > 45
    assert metrics["heard_db"] > 15
    mouths = mouth_metrics(Looks(), seen, others_of([one.clip for one in seen]), perfect, perfect)
    assert mouths["opening_r"] > 0.85
    assert mouths["leak"] > 0.7, "its own mouth with another's sound is all leak"
    assert identity(Looks(), seen, perfect)["identity"] == pytest.approx(1, abs=1e-5)
    found = sync(Looks(), seen, perfect)
    assert found["sync_c"] == found["sync_c_of_the_clips"]
    assert sync(Looks(), seen, other)["sync_c"] < found["sync_c"]


def test_nothing_is_said_of_mouths_that_something_hides(seen):
    hidden = [replace(one, lips_FHW=np.zeros_like(one.lips_FHW)) for one in seen]
    perfect = np.stack([one.rgb_FHWC for one in seen])
    assert mouth_metrics(Looks(), hidden, [1, 2, 0], perfect, perfect) == {}
    assert against_truth(hidden, perfect, perfect) == {}


def test_windows_are_spread_over_all_and_each_gets_the_sound_of_another_clip():
    assert spread([f"c{n}@0" for n in range(100)], 4) == [0, 33, 66, 99]
    assert spread(["a@0", "a@12"], 8) == [0, 1]
    assert others_of(["a", "a", "b", "c"]) == [2, 2, 3, 0]
    assert others_of(["a", "a"]) == [0, 1]
