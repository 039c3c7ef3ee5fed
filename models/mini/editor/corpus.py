"""Makes the training windows of the mini editor: true clips of the procedural world, each with two companions.

    windows = WorldPairs(PairPlan(people=600), folder)
    windows.make(workers, tell)    # what is missing, some two CPU-seconds a person

Four samples a person: each of the two utterances as the target, with a rendered companion (the other utterance, filmed
with the same movements of the head) and with one that the generator painted from the other utterance's sound. A
sample's number says which. Silent targets are more than there are in footage, for what shuts a mouth has to be learnt.
B samples, C channels, F latents or frames, H by W of a latent picture, N audio features of A numbers a latent.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from safetensors.torch import save_file
from torch import Tensor

from models.audio.whisper import LAST, Whisper
from models.dit.checkpoint import load
from models.dit.net import VideoDit
from models.dit.painting import Sampling, painted
from models.mini.generator.corpus import windows_of
from models.mini.generator.measure import feathered
from models.mini.generator.people import BEGINS, SEGMENT, Pair, film
from models.mini.people_windows import PeopleWindows
from models.mini.shards import SHARD
from models.mini.world_pictures import TRAINING
from models.sync.syncnet import heard_between
from models.vae import decode, denormalised, encode, normalised
from models.vae.opening import load_vae
from models.vae.pictures import as_video
from models.weights.digests import digest
from models.world.body.head import head

EACH = 4
"""Samples of a person."""
CODE = 1
"""Raise it when the code's windows change: they are then made again."""
KINDS = ("rendered", "painted")


@dataclass(frozen=True)
class PairPlan:
    """Which people, how often silent, painted by which generator, and seen and heard by which networks."""

    people: int = 600
    first: int = TRAINING
    silent: float = 0.3
    """Of first utterances: half as many of the samples."""
    occluded: float = 0.35
    begins: float = BEGINS
    generator: str = "mini:generator"
    vae: str = "mini:vae"
    whisper: str = "mini:whisper"

    @cached_property
    def digest(self) -> str:
        """Of everything that could change a window, but not of how many people there are."""
        networks = [digest(one) for one in (self.generator, self.vae, self.whisper)]
        said = asdict(self) | {"people": 0, "code": CODE, "made_by": networks}
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


class WorldPairs(PeopleWindows):
    """The windows as a dataset: opened where it is used, so that it travels to worker processes."""

    each = EACH

    def name(self, index: int) -> str:
        """Returns the name of a sample: its person, utterance and kind of companion."""
        person, (utterance, kind) = index // EACH, divmod(index % EACH, 2)
        return f"world:{self.plan.first + person}/{utterance}/{KINDS[kind]}"

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor | list[str]]:
        """Returns one batch."""
        there, index = self._all, torch.tensor(indices)
        person, utterance, is_painted = index // EACH, index % EACH // 2, index % 2 == 1
        rendered_BCFHW = there["target"][person, 1 - utterance].float()
        painted_BCFHW = there["companion"][person, utterance].float()
        return {
            "id": [self.name(one) for one in indices],
            "target_BCFHW": there["target"][person, utterance].float(),
            "companion_BCFHW": torch.where(
                is_painted[:, None, None, None, None], painted_BCFHW, rendered_BCFHW
            ),
            "audio_BFNA": there["audio"][person, utterance].float(),
            "face_BFHW": there["face"][person, utterance].float(),
            "lips_BFHW": there["lips"][person, utterance].float(),
            "five_BF52": there["five"][person, utterance],
            "mfcc_BCT": there["mfcc"][person, utterance],
        }


def make_shard(plan: PairPlan, file: Path, number: int) -> None:
    """Makes one file of people; whole or not at all."""
    torch.set_num_threads(1)
    start = plan.first + number * SHARD
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    save_file(filmed(plan, range(start, start + SHARD)), temporary)
    temporary.replace(file)


WorldPairs.make_shard = staticmethod(make_shard)  # known only now


def filmed(plan: PairPlan, people: range) -> dict[str, Tensor]:
    """Returns the windows of some people, stacked."""
    painter, seen_by, heard_by = load(plan.generator), load_vae(plan.vae), Whisper(plan.whisper, (LAST,))
    films = (film(person, plan.silent, plan.occluded, begins=plan.begins) for person in people)
    rows = [pair_windows(one, painter, seen_by, heard_by) for one in films]
    return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}


def pair_windows(pair: Pair, painter: VideoDit, vae: AutoencoderKLWan, whisper: Whisper) -> dict[str, Tensor]:
    """Returns both utterances of a person, stacked, each with what the generator makes of it."""
    made = windows_of(pair, vae, whisper)
    rgb_2FHWC = companions_of(pair, made, painter, vae)
    five_2F52 = pair.landmarks_2FL2[:, :, head().five()]
    heard = [heard_between(one.sound, one.start, SEGMENT) for one in pair.said]
    return {key: made[key] for key in ("target", "audio", "face", "lips", "mouth")} | {
        "companion": _encoded(vae, rgb_2FHWC).half(),
        "five": torch.from_numpy(five_2F52.astype(np.float32)),
        "mfcc": torch.from_numpy(np.stack(heard)),
    }


@torch.no_grad()
def companions_of(
    pair: Pair, made: Mapping[str, Tensor], painter: VideoDit, vae: AutoencoderKLWan
) -> np.ndarray:
    """Returns each utterance's pictures (2, F, H, W, C) with lips that the other's sound moves, laid over its own."""
    target_2CFHW, masked_2CFHW = made["target"].float(), made["masked"].float()
    chance = torch.Generator().manual_seed(pair.person)
    noise = torch.randn(target_2CFHW.shape, generator=chance)
    sound_2FNA = made["audio"].flip(0).float()
    z = painted(painter, masked_2CFHW, target_2CFHW[:, :, 0], sound_2FNA, noise, Sampling())
    video_2CFHW = decode(vae, denormalised(vae, z)).clamp(-1, 1)
    rgb_2FHWC = ((video_2CFHW.permute(0, 2, 3, 4, 1) + 1) * 127.5).numpy()
    over_2FHW1 = feathered(pair.paint_2FHW)[..., None]
    return (over_2FHW1 * rgb_2FHWC + (1 - over_2FHW1) * pair.rgb_2FHWC).round().astype(np.uint8)


@torch.no_grad()
def _encoded(vae: AutoencoderKLWan, rgb_2FHWC: np.ndarray) -> Tensor:
    return normalised(vae, encode(vae, as_video(torch.from_numpy(rgb_2FHWC))))
