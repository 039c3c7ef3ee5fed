"""Encodes a few windows anew: whether the latents that are stored are those of the clips, by this VAE."""

from collections.abc import Iterator, Sequence

import torch
from diffusers import AutoencoderKLWan

from tasks.training.checking.finding import Finding, first_of, ok, refuse, warn
from tasks.training.checking.rounding import HALF, OTHER_DEVICE, distances, farther
from tasks.training.encoded import encode_windows
from tasks.training.objective import Batch
from tasks.training.version_windows import VersionWindows

LATENTS = ("target_BCFHW", "masked_BCFHW", "reference_BCHW", "companion_BCFHW")


def has_stored(batch: Batch) -> bool:
    """Whether anything in a batch was encoded before."""
    return any(name in batch for name in LATENTS)


def as_encoded(
    windows: VersionWindows, numbers: Sequence[int], batch: Batch, vae: AutoencoderKLWan
) -> Iterator[Finding]:
    """`batch` is the windows of these numbers."""
    made = encode_windows(vae, windows.from_videos().__getitems__(numbers))
    off_KB = [distances(batch[name].cpu(), made[name].cpu()) for name in LATENTS if name in batch]
    off_B = torch.tensor(off_KB).amax(0).tolist()
    wrong, unlike = (farther(batch["id"], off_B, than) for than in (OTHER_DEVICE, HALF))
    if wrong:
        yield refuse(
            f"stored latents are not those of their clips in {len(wrong)} of {len(numbers)} windows "
            f"({first_of(wrong)}; off by {max(off_B):.2g}): rebuild {' and '.join(windows.kept_by)} (`redub rebuild "
            f"{' '.join(f'--set {stage}=on' for stage in windows.kept_by)}`)",
            wrong,
        )
    elif unlike:
        yield warn(
            f"stored latents differ from new ones by {max(off_B):.2g}, more than half precision rounds",
            unlike,
        )
    else:
        yield ok(f"stored latents are those of their clips, to {max(off_B):.1g} ({len(numbers)} windows)")
