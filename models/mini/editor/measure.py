"""Measures an editor on strangers of the procedural world, as generator/measure.py does a generator.

The companion is the film with the source's lips, the sound is the other utterance's, and that one's film is the truth.
F counts frames, N strangers.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.dit.checkpoint import load
from models.dit.flow import EXPERTS
from models.dit.net import VideoDit
from models.dubbing.request import Settings
from models.dubbing.sampling import Editor, edited_clip
from models.dubbing.suited import settings_of
from models.mini.generator.measure import CHUNK, pixels
from models.mini.generator.scores import scores_of
from models.mini.generator.strangers import FIRST, Stranger, sounds_of, strangers
from models.weights.references import mini_models

FLOORS: Mapping[str, tuple[float | None, float | None] | float] = {
    "opening_r": 0.65, "leak": (None, 0.15), "silent_motion": (None, 0.03), "identity": 0.96, "psnr_mask": 23.2,
    "psnr_full": 27.3,
}  # fmt: skip
EDITOR = "mini:editor"


def measure(reference: str, people: int, seed: int = 0) -> dict[str, float]:
    """Measures the weights on as many strangers; of an expert that is shipped, over the editor that is."""
    of_expert = reference.startswith(f"{EDITOR}-")
    net = opened(EDITOR, [reference]) if of_expert else load(reference)
    settings = settings_of(EDITOR if of_expert else reference)
    return measured(net, strangers(FIRST, people), settings, seed)[0]


def shipped_experts() -> list[str]:
    """Returns references of the mini editor's experts that are shipped."""
    names = (f"{EDITOR}-{expert}" for expert in EXPERTS)
    return [one for one in names if one.removeprefix("mini:") in mini_models()]


def opened(editor: str, experts: Sequence[str]) -> VideoDit:
    """Loads an editor and its experts."""
    net = load(editor)
    if experts:
        from models.dit import expertfile  # peft takes seconds

        for one in experts:
            expertfile.load(net, one)
    return net


def measured(
    net: nn.Module, people: Sequence[Stranger], settings: Settings, seed: int = 0, vae: str = "mini:vae"
) -> tuple[dict[str, float], np.ndarray]:
    """Returns the numbers, and what was made, uint8 (N, F, H, W, 3)."""
    sound, silence = sounds_of(people)
    rgb_NFHWC = edited(net, people, sound, settings, seed, vae)
    return scores_of(people, rgb_NFHWC, edited(net, people, silence, settings, seed, vae)), rgb_NFHWC


@torch.no_grad()
def edited(
    net: nn.Module,
    people: Sequence[Stranger],
    sound_NFNA: Tensor,
    settings: Settings,
    seed: int = 0,
    vae: str = "mini:vae",
) -> np.ndarray:
    """Returns whole pictures as the editor makes them, uint8 (N, F, H, W, 3): nothing of the source is laid over them.

    Each stranger has the noise that the generator has for him.
    """
    made = []
    for start in range(0, len(people), CHUNK):
        source = torch.stack([one.windows["target"][1] for one in people[start : start + CHUNK]]).float()
        chance = torch.Generator().manual_seed(1000 * seed + start)
        noise = torch.randn(source.shape, generator=chance)
        sound = sound_NFNA[start : start + CHUNK]
        made.append(edited_clip(Editor(net), source, sound, noise, settings)[0])
    return pixels(torch.cat(made), vae)
