"""Trains the mini video VAE: Wan 2.1's class, four times less in time and in each direction of space.

    python -m models.mini.vae

writes models/mini/weights/vae/ as `AutoencoderKLWan.from_pretrained` reads it, and prints the report. The training
starts from a linear codec (models/mini/vaestart.py) and goes on with what is nearly linear in the net, its trunk: ten
minutes of one core. The residual branches are there and say nothing; to teach them, too, takes hours of small steps,
and larger ones undo what the trunk has learned.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn

from models.faces import load_face
from models.faces.boxes import hull
from models.mini.clips import Clip, make_clip
from models.mini.corpus import TRAINING
from models.mini.shipping import Numbers, described, ship, write_about
from models.mini.vaestart import start_linear
from models.vae import decode, encode
from models.weights.references import resolve

log = logging.getLogger(__name__)
FLOORS: Mapping[str, float] = {"psnr": 30.0, "mouth_r": 0.85}
CHANNELS = 24
"""Of the latents: twice as many and a constant must fit into the widest part of the net."""
CONFIG = {
    "base_dim": 16, "dim_mult": [1, 2, 4], "z_dim": CHANNELS, "num_res_blocks": 1,
    "temperal_downsample": [True, True], "scale_factor_spatial": 4,
}  # fmt: skip
"""Four times less in space and not eight: doubling a picture, this net repeats each pixel and then looks at three by
three of them alike, and so can hardly say what differs within a pair; that costs little only where pixels are small."""
MOUTH = 4.0
"""How much more the pixels round the mouth count."""


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    people: int = 1400
    frames: int = 17
    """Fewer never show the net how a long clip goes on."""
    steps: int = 1200
    rate: float = 1e-3
    batch: int = 2
    strangers: int = 24


Batch = tuple[Tensor, Tensor]
"""Pictures -1..1, and how much each pixel counts."""


def corpus(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Clips, and where the mouth's middle is in each."""
    clips = [make_clip(plan.seed, TRAINING + n, plan.frames) for n in range(plan.people)]
    mouths_N2 = np.stack([clip.five_F52[:, 3:].mean((0, 1)) for clip in clips])
    return np.stack([clip.rgb_FHWC for clip in clips]), mouths_N2


def draw(rgb_NFHWC: np.ndarray, mouths_N2: np.ndarray, batch: int, rng: np.random.Generator) -> Batch:
    """Half of them mirrored."""
    chosen = rng.integers(len(rgb_NFHWC), size=batch)
    video = torch.from_numpy(rgb_NFHWC[chosen]).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    height, width = video.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    weights = torch.ones(batch, 1, 1, height, width)
    for n, (mouth_x, mouth_y) in enumerate(mouths_N2[chosen]):
        far = ((x - mouth_x) / (width / 6)) ** 2 + ((y - mouth_y) / (height / 8)) ** 2
        weights[n] += (MOUTH - 1) * torch.exp(-far)
        if rng.random() < 0.5:
            video[n], weights[n] = video[n].flip(-1), weights[n].flip(-1)
    return video, weights


def trunk(vae: nn.Module) -> list[nn.Parameter]:
    inner = ("norm1", "conv1", "norm2", "conv2", "attentions")
    return [p for name, p in vae.named_parameters() if not set(inner) & set(name.split("."))]


def train(vae: AutoencoderKLWan, batches: Callable[[], Batch], steps: int, rate: float) -> None:
    parameters = trunk(vae)
    adam = torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=0.0)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=steps, pct_start=0.08)
    recent: list[float] = []
    for number in range(1, steps + 1):
        video, weights = batches()
        wrong = (decode(vae, encode(vae, video, straight=True), straight=True) - video).square()
        adam.zero_grad()
        (wrong * weights).mean().backward()
        nn.utils.clip_grad_norm_(parameters, 0.2)
        adam.step()
        pace.step()
        recent.append(float(wrong.detach().mean()))
        if number % 50 == 0:
            log.info("step %d of %d: %.2f dB", number, steps, decibels(np.mean(recent[-50:])))


def decibels(squared: float | np.floating) -> float:
    """PSNR of pictures -1..1."""
    return float(-10 * np.log10(squared / 4))


def make(plan: Plan) -> AutoencoderKLWan:
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    rgb_NFHWC, mouths_N2 = corpus(plan)
    log.info("%d clips", len(rgb_NFHWC))
    plain = {"latents_mean": [0.0] * CHANNELS, "latents_std": [1.0] * CHANNELS}
    vae = AutoencoderKLWan(**CONFIG, **plain)
    start_linear(vae, draw(rgb_NFHWC, mouths_N2, min(40, plan.people), rng)[0])
    train(vae, lambda: draw(rgb_NFHWC, mouths_N2, plan.batch, rng), plan.steps, plan.rate)
    normalise(vae, draw(rgb_NFHWC, mouths_N2, min(100, plan.people), rng)[0])
    return vae.eval()


@torch.no_grad()
def normalise(vae: AutoencoderKLWan, video_BCTHW: Tensor) -> None:
    """Tells in the config what to subtract and divide by, so that a DiT sees mean 0 and deviation 1."""
    z_CN = torch.cat([encode(vae, part).transpose(0, 1).flatten(1) for part in video_BCTHW.split(10)], 1)
    mean, std = z_CN.mean(1).tolist(), z_CN.std(1).clamp(min=1e-3).tolist()
    vae.register_to_config(latents_mean=mean, latents_std=std)


def load(reference: str) -> AutoencoderKLWan:
    # Without the last argument it tells everybody that accelerate is not installed.
    return AutoencoderKLWan.from_pretrained(
        resolve(reference), torch_dtype=torch.float32, low_cpu_mem_usage=False
    ).eval()


@torch.no_grad()
def measure(reference: str, people: int) -> dict[str, float]:
    """On strangers, 25 frames each: PSNR, how it holds up over time, and the mouth as the landmarks see it."""
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
    """The gap of the lips on each frame, as the mini landmarks have it; NaN where they see no face."""
    boxes = [hull(points_L2) for points_L2 in clip.landmarks_FL2]
    shapes = [faces.shape(rgb_HWC, box) for rgb_HWC, box in zip(rgb_FHWC, boxes, strict=True)]
    return [float("nan") if shape is None else shape.opening for shape in shapes]


def correlated(truth: list[float], read: list[float]) -> float:
    """A face that is not seen any more reads as a mouth that is shut."""
    return float(np.corrcoef(truth, np.nan_to_num(read))[0, 1])


def save(vae: AutoencoderKLWan, plan: Plan, numbers: Numbers, folder: Path) -> None:
    """In half precision; it is measured as it is stored."""
    vae.half().save_pretrained(folder)
    vae.float()
    what = "video VAE, of the class of Wan 2.1's"
    write_about(folder, described("vae", what, f"{plan.people} people", plan, numbers))


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "vae", lambda: make(plan), lambda vae, n, p: save(vae, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
