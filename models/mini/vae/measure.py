"""Measures a video VAE on strangers: how good its pictures are, and whether their mouths can still be read."""

from collections.abc import Mapping

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from models.faces import load_face
from models.faces.boxes import hull
from models.mini.world_clips import Clip, make_clip
from models.vae import decode, encode
from models.weights.references import resolve

FLOORS: Mapping[str, float] = {"psnr": 30.0, "mouth_r": 0.85}


def decibels(squared: float | np.floating) -> float:
    """Returns the PSNR of a mean squared error of pictures -1..1."""
    return float(-10 * np.log10(squared / 4))


def load(reference: str) -> AutoencoderKLWan:
    # Without the last argument it tells everybody that accelerate is not installed.
    """Loads a VAE in diffusers' layout, in single precision."""
    return AutoencoderKLWan.from_pretrained(
        resolve(reference), torch_dtype=torch.float32, low_cpu_mem_usage=False
    ).eval()


@torch.no_grad()
def measure(reference: str, people: int) -> dict[str, float]:
    """Measures on strangers, 25 frames each: PSNR, how it holds up over time, and the mouth as the landmarks see it."""
    vae, faces = load(reference), load_face("mini", "mini:face")
    squared, truth, before, after = [], [], [], []
    for person in range(people):
        clip = make_clip(7, person, 25)
        video = torch.from_numpy(clip.rgb_FHWC).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        made = decode(vae, encode(vae, video)).clamp(-1, 1)
        squared.append((made - video).square().mean((0, 1, 3, 4)).numpy())
        if clip.occluder is None:
            rgb_FHWC = ((made[0].permute(1, 2, 3, 0) + 1) * 127.5).round().byte().numpy()
            truth += clip.mouth_F3[:, 0].tolist()
            before += opened(faces, clip, clip.rgb_FHWC)
            after += opened(faces, clip, rgb_FHWC)
    squared_F = np.mean(squared, 0)
    return {
        "psnr": float(np.mean([decibels(clip_F.mean()) for clip_F in squared])),
        "psnr_first_frame": decibels(squared_F[0]),
        "psnr_last_frames": decibels(squared_F[-5:].mean()),
        "mouth_r": correlated(truth, after),
        "mouth_r_of_the_original": correlated(truth, before),
    }


def opened(faces, clip: Clip, rgb_FHWC: np.ndarray) -> list[float]:
    """Returns the gap of the lips on each frame, as the mini landmarks have it; NaN where they see no face."""
    boxes = [hull(points_L2) for points_L2 in clip.landmarks_FL2]
    shapes = [faces.shape(rgb_HWC, box) for rgb_HWC, box in zip(rgb_FHWC, boxes, strict=True)]
    return [float("nan") if shape is None else shape.opening for shape in shapes]


def correlated(truth: list[float], read: list[float]) -> float:
    """Returns the correlation; a face that is not seen any more reads as a mouth that is shut."""
    return float(np.corrcoef(truth, np.nan_to_num(read))[0, 1])
