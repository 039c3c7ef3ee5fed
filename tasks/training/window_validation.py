"""Looks at a net with windows that it does not learn from: what validators of generators and of editors share.

N windows of F frames, H by W pixels; C channels of latents, B A of features.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn

from models.dubbing.sampling import net_within
from models.vae import decode_tiled, denormalised
from models.vae.opening import load_vae
from tasks.training.mouths import Looks
from tasks.training.objective import Windows
from tasks.training.prompts import prompt_of
from tasks.training.seen_windows import SeenWindow


class SeenWindows(Windows, Protocol):
    """Windows that can be looked at as well as learnt from."""

    def seen(self, samples: Sequence[int], /) -> Sequence[SeenWindow]: ...


@dataclass(frozen=True)
class WindowValidator:
    """So many windows of a split, spread over its clips; read when they are first needed and then kept."""

    windows: SeenWindows
    vae: str
    count: int = 8
    looks: Looks = field(default_factory=Looks)
    higher_is_better: bool = True
    text: str = ""
    """What says the prompt, where the net reads text: the training's own."""

    def __getstate__(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def samples(self) -> list[int]:
        """Numbers of the windows."""
        return spread(self.windows.ids, self.count)

    @cached_property
    def seen(self) -> Sequence[SeenWindow]:
        """The windows as a person sees them."""
        return [self.windows.seen([sample])[0] for sample in self.samples]

    @cached_property
    def opened_vae(self) -> AutoencoderKLWan:
        """The VAE, which is on the CPU but for the time that it decodes."""
        return load_vae(self.vae)

    def prompt_of(self, net: nn.Module) -> Tensor | None:
        """Returns the prompt (L, X); None for a net that reads no text."""
        return prompt_of(net_within(net).config, self.text)

    @contextmanager
    def vae_on(self, device: torch.device) -> Iterator[AutoencoderKLWan]:
        """Lends the VAE to where a net is."""
        try:
            yield self.opened_vae.to(device)
        finally:
            self.opened_vae.to("cpu")


@torch.no_grad()
def decoded(vae: AutoencoderKLWan, z_1CFHW: Tensor) -> np.ndarray:
    """Returns the pictures of one window's latents (F, H, W, 3), 0..255 and not yet rounded."""
    video_CFHW = decode_tiled(vae, denormalised(vae, z_1CFHW.to(vae.device)))[0].clamp(-1, 1).cpu()
    return (video_CFHW.permute(1, 2, 3, 0).float().numpy() + 1) * 127.5


def spread(ids: Sequence[str], count: int) -> list[int]:
    """Returns the numbers of windows that are as far apart among all as can be."""
    return np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int)).tolist()
