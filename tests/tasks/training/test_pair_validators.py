"""What validators of the editor measure is what they say: on films of the procedural world, with nets untrained."""

import io
import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.audio.whisper import LAST, Whisper
from models.dit import experts
from models.dit.net import VideoDit
from models.dit.presets import PRESETS
from models.dubbing.suited import MINI_SAMPLING
from models.mini.generator.corpus import windows_of
from models.mini.generator.people import Pair, film
from models.vae.opening import load_vae
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.images import decode_image
from tasks.training.editor.pair_validation import PairValidator
from tasks.training.editor.recipe import StructureRecipe
from tasks.training.editor.structure import Structure
from tasks.training.editor.world_validation import WorldPairValidator
from tasks.training.mouths import Looks, pair_metrics
from tasks.training.problems import Stop
from tasks.training.seen_windows import SeenWindow
from tasks.training.world_validation import FIRST, WorldValidator
from tests.tasks.training.test_validators import as_seen

PEOPLE = 2
ONE_STEP = replace(MINI_SAMPLING, steps=1)

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def filmed(n: int) -> Pair:
    return film(FIRST + n, clear=True)


@cache
def row_of(n: int) -> dict[str, torch.Tensor]:
    return windows_of(filmed(n), load_vae("mini:vae"), Whisper("mini:whisper", (LAST,)))


class PairedWindows:
    """Rendered people in place of a version's pairs: the clip is utterance 0, its companion utterance 1."""

    def __init__(self, pixels: bool):
        self.pixels = pixels

    @property
    def ids(self) -> list[str]:
        return [f"person{FIRST + n}-0@0" for n in range(PEOPLE)]

    def __len__(self) -> int:
        return PEOPLE

    def seen(self, samples: Sequence[int]) -> list[SeenWindow]:
        return [as_seen(filmed(sample), 0) for sample in samples]

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        pairs = [filmed(sample) for sample in samples]
        rows = [row_of(sample) for sample in samples]
        batch = {"id": [self.ids[sample] for sample in samples]}
        batch["audio_BFNA"] = torch.stack([row["audio"][0] for row in rows])
        if self.pixels:
            return batch | {
                "companion_BFHWC": torch.from_numpy(np.stack([pair.rgb_2FHWC[1] for pair in pairs]))
            }
        return batch | {"companion_BCFHW": torch.stack([row["target"][1] for row in rows])}


@pytest.fixture(scope="module")
def net() -> VideoDit:
    torch.manual_seed(0)
    made = VideoDit(PRESETS["mini"]).eval()
    for one in made.parameters():
        if not one.any():  # a new net says nothing
            torch.nn.init.normal_(one, std=0.02)
    return made


@pytest.mark.parametrize("pixels", [True, False])
def test_pairs_of_a_version_are_made_from_their_companions_and_measured_against_the_clip(net, pixels):
    validator = PairValidator(PairedWindows(pixels), "mini:vae", PEOPLE, settings=ONE_STEP)
    found = validator(net, 5)
    assert next(iter(found.metrics)) == "psnr_lips"
    assert set(found.metrics) >= {
        "psnr_mask", "psnr_full", "ssim_full", "psnr_lips_of_the_source", "identity", "sync_c",
    }  # fmt: skip
    assert 3 < found.metrics["psnr_lips"] < 40
    assert 12 < found.metrics["psnr_lips_of_the_source"] < 30
    assert decode_image(found.pictures["pairs.png"]).shape[2] == 3
    with open_media(io.BytesIO(found.pictures["pairs.mp4"])) as media:
        assert len(list(decode_video(media))) == PEOPLE * 25
    assert validator(net, 6).metrics == found.metrics, "only the weights may change what is found"
    assert "_shown" not in pickle.loads(pickle.dumps(validator)).__dict__


def test_a_net_that_reads_text_is_given_the_prompt_that_it_learns_with(tmp_path):
    """Another prompt makes other pictures, and without one it is said what to give."""
    torch.manual_seed(0)
    reads = VideoDit(replace(PRESETS["mini"], text=12, text_tokens=4)).eval()
    for one in reads.parameters():
        if not one.any():
            torch.nn.init.normal_(one, std=0.05)
    made = []
    for number in range(2):
        save_file({"prompt": torch.randn(1, 12)}, tmp_path / f"{number}.safetensors")
        validator = PairValidator(
            PairedWindows(pixels=False),
            "mini:vae",
            1,
            settings=ONE_STEP,
            text=str(tmp_path / f"{number}.safetensors"),
        )
        made.append(validator(reads, 5).metrics["psnr_full"])
    assert made[0] != made[1]
    with pytest.raises(Stop, match=r"reads text of 12 numbers a token.*--set text=umt5"):
        PairValidator(PairedWindows(pixels=False), "mini:vae", 1, settings=ONE_STEP)(reads, 5)
    save_file({"prompt": torch.randn(1, 8)}, tmp_path / "other.safetensors")
    with pytest.raises(Stop, match="has 8 numbers a token, and the net reads 12"):
        replace(validator, text=str(tmp_path / "other.safetensors"))(reads, 5)


def test_a_training_of_a_net_that_reads_text_shows_it_the_same_prompt(tmp_path):
    file = tmp_path / "prompt.safetensors"
    save_file({"prompt": torch.arange(12.0)[None]}, file)
    training = Structure(StructureRecipe(text=str(file)))
    batch = {"target_BCFHW": torch.zeros(3, 24, 7, 2, 2)}
    assert training.text(batch) is None, "the preset mini reads none"
    training = Structure(StructureRecipe(text=str(file)))
    training.config = replace(training.config, text=12)
    assert torch.equal(training.text(batch), torch.arange(12.0).expand(3, 1, 12))


def test_the_true_lips_score_high_and_the_companions_are_all_leak():
    windows = PairedWindows(pixels=True)
    seen, companion = (
        windows.seen(range(PEOPLE)),
        np.stack([pair.rgb_2FHWC[1] for pair in map(filmed, range(PEOPLE))]),
    )
    truth = pair_metrics(Looks(), seen, companion, np.stack([one.rgb_FHWC for one in seen]))
    assert truth["opening_r"] > 0.85
    assert abs(truth["leak"]) < 0.15
    assert pair_metrics(Looks(), seen, companion, companion)["leak"] > 0.9


def test_an_expert_that_learns_is_on_again_after_a_look_at_people_of_the_world(net):
    torch.manual_seed(1)
    learning = VideoDit(net.config)
    learning.load_state_dict(net.state_dict())
    experts.attach(learning, "lip", rank=2)
    trained = experts.parameters_to_train(learning, "lip")
    found = WorldPairValidator(people=2, settings=replace(MINI_SAMPLING, steps=3, shift=1.0))(learning, 5)
    assert next(iter(found.metrics)) == "psnr_lips"
    assert set(found.metrics) >= {"psnr_mask", "psnr_full", "opening_r", "leak", "identity"}
    assert set(found.pictures) == {"people.png", "people.mp4"}
    assert experts.active(learning) == "lip"
    assert all(one.requires_grad for one in trained)
    assert issubclass(WorldPairValidator, WorldValidator), "the same people, so that both can be compared"
