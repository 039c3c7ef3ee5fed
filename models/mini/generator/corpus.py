"""Makes the training windows of the mini generator: pairs of the procedural world as latents, kept in shards on disk.

    windows = WorldWindows(Plan(people=1600), folder)    # makes what is missing first: about a CPU-second a person

Four samples a person: each of the two utterances as the target, with a reference near in time (the pair's own first
frame: same pose, other lips, as at inference) and one from another moment. A sample's number says which.
B samples, C channels, F latents, H by W of a latent picture, N audio features of A numbers a latent.
"""

import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.audio.whisper import LAST, Whisper
from models.audio.windows import windows_of_latents
from models.dit.inputs import grey_where_masked
from models.mini.generator.people import BEGINS, Pair, film
from models.mini.people_windows import PeopleWindows
from models.mini.shards import SHARD
from models.mini.world_pictures import TRAINING
from models.vae import encode, latents_of, normalised, pixels_per_latent
from models.vae.latent_weights import latent_weights
from models.vae.opening import load_vae
from models.vae.pictures import as_video
from models.weights.digests import digest

EACH = 4
"""Samples of a person."""
CODE = 1
"""Raise it when the code's windows change: they are then made again."""


@dataclass(frozen=True)
class Plan:
    """Which people, how often silent, and seen and heard by which networks."""

    people: int = 1600
    first: int = TRAINING
    silent: float = 0.1
    occluded: float = 0.35
    begins: float | None = BEGINS
    """Where masks begin between the eyes and the nose; None masks whole faces."""
    vae: str = "mini:vae"
    whisper: str = "mini:whisper"

    @cached_property
    def digest(self) -> str:
        """Of everything that could change a window, but not of how many people there are."""
        said = asdict(self) | {"people": 0, "code": CODE, "made_by": [digest(self.vae), digest(self.whisper)]}
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


class WorldWindows(PeopleWindows):
    """The windows as a dataset: opened where it is used, so that it travels to worker processes."""

    each = EACH

    def name(self, index: int) -> str:
        """Returns the name of a sample: its person, utterance and reference."""
        person, (utterance, far) = index // EACH, divmod(index % EACH, 2)
        return f"world:{self.plan.first + person}/{utterance}/{'far' if far else 'near'}"

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor | list[str]]:
        """Returns one batch."""
        there, index = self._all, torch.tensor(indices)
        person, utterance, far = index // EACH, index % EACH // 2, index % 2 == 1
        target = there["target"][person, utterance].float()
        near_BCHW = there["target"][person, 1 - utterance, :, 0].float()
        far_BCHW = there["far"][person].float()
        return {
            "id": [self.name(one) for one in indices],
            "target_BCFHW": target,
            "masked_BCFHW": there["masked"][person, utterance].float(),
            "reference_BCHW": torch.where(far[:, None, None, None], far_BCHW, near_BCHW),
            "audio_BFNA": there["audio"][person, utterance].float(),
            "face_BFHW": there["face"][person, utterance].float(),
            "lips_BFHW": there["lips"][person, utterance].float(),
        }


def make_shard(plan: Plan, file: Path, number: int) -> None:
    """Makes one file of people; whole or not at all."""
    torch.set_num_threads(1)
    seen_by, heard_by = load_vae(plan.vae), Whisper(plan.whisper, (LAST,))
    people = range(plan.first + number * SHARD, plan.first + (number + 1) * SHARD)
    rows = [
        windows_of(film(person, plan.silent, plan.occluded, begins=plan.begins), seen_by, heard_by)
        for person in people
    ]
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    save_file({key: torch.stack([row[key] for row in rows]) for key in rows[0]}, temporary)
    temporary.replace(file)


WorldWindows.make_shard = staticmethod(make_shard)  # known only now


@torch.no_grad()
def windows_of(pair: Pair, vae, whisper: Whisper) -> dict[str, Tensor]:
    """Returns a pair as latents and features, both utterances stacked, in half precision."""
    side = pixels_per_latent(vae)
    video_BCFHW = as_video(torch.from_numpy(pair.rgb_2FHWC))
    masked = grey_where_masked(video_BCFHW, torch.from_numpy(pair.paint_2FHW))
    far = as_video(torch.from_numpy(pair.far_HWC[None, None]))
    made = {
        "target": normalised(vae, encode(vae, video_BCFHW)),
        "masked": normalised(vae, encode(vae, masked)),
        "far": normalised(vae, encode(vae, far))[0, :, 0],
        "audio": torch.stack([heard(one.sound, one.start, whisper) for one in pair.said]),
        "face": latent_weights(torch.from_numpy(pair.paint_2FHW), side),
        "lips": latent_weights(torch.from_numpy(pair.lips_2FHW), side),
    }
    return {key: value.half().contiguous() for key, value in made.items()} | {
        "mouth": torch.from_numpy(np.stack([one.mouth_F3 for one in pair.said]).astype(np.float32))
    }


def heard(sound: np.ndarray, start: int, whisper: Whisper, frames: int = 25) -> Tensor:
    """Returns what is heard at each latent of a window that begins with frame `start` of the sound, (F, N, A)."""
    features_PA = whisper.features(sound)[:, 0]
    return torch.from_numpy(features_PA[windows_of_latents(start, latents_of(frames), len(features_PA))])
