"""Trains the mini SAM 2 part by part.

`images`: the mask on the frame with the box; `tracks`: to find the thing again from memory; `polish`: more of the
same. B clips, T frames.
"""

from copy import deepcopy
from pathlib import Path

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate
from transformers import Sam2ImageProcessor, Sam2VideoModel, Sam2VideoProcessor
from transformers import Sam2VideoVideoProcessor as VideoProcessor

from models.mini.sam2.corpus import Plan, Take, batch
from models.mini.shipping import Numbers, described, write_about
from models.mini.training import seeded, train
from models.segment.mini import SIDE, CachedPositions
from models.segment.unrolled import Tracked, track

PARTS = ["images", "tracks", "polish"]
FEW_PIXELS = 8
"""Fewer pixels of a thing are neither in sight nor gone: nothing is learned from the difference."""


def loss(found: Tracked, mask_BTHW: Tensor) -> Tensor:
    """Adds up how wrong the masks are where the thing is in sight, whether it is, and the model's own estimate."""
    area_BT = mask_BTHW.sum((2, 3))
    here_BT = (area_BT >= FEW_PIXELS).float()
    side = mask_BTHW.shape[-1]
    logits_BTHW = interpolate(found.logits_BTHW, size=(side, side), mode="bilinear", align_corners=False)
    share_BTHW = logits_BTHW.sigmoid()
    both_BT = (share_BTHW * mask_BTHW).sum((2, 3))
    dice_BT = 1 - (2 * both_BT + 1) / (share_BTHW.sum((2, 3)) + area_BT + 1)
    pixel_BT = binary_cross_entropy_with_logits(logits_BTHW, mask_BTHW, reduction="none").mean((2, 3))
    cut_BTHW = (logits_BTHW > 0).float()
    inside_BT = (cut_BTHW * mask_BTHW).sum((2, 3))
    iou_BT = inside_BT / (cut_BTHW.sum((2, 3)) + area_BT - inside_BT).clamp(min=1)
    shape = (
        (dice_BT + 3 * pixel_BT + (found.iou_BT - iou_BT).square()) * here_BT
    ).sum() / here_BT.sum().clamp(min=1)
    counts_BT = ((area_BT == 0) | (area_BT >= FEW_PIXELS)).float()
    return shape + 0.3 * binary_cross_entropy_with_logits(found.presence_BT, here_BT, counts_BT)


def learn(model: Sam2VideoModel, made: list[Take], plan: Plan, part: str) -> None:
    """Trains one part."""
    rng, noise = seeded(plan.seed + PARTS.index(part))
    images = part == "images"
    clips, frames = (plan.image_batch, 1) if images else (plan.track_batch, plan.track_frames)

    def step() -> Tensor:
        some = batch(made, clips, frames, rng, noise)
        return loss(track(model, some.pixels_BT3HW, some.box_B4), some.mask_BTHW)

    neck = model.vision_encoder.neck
    exact, neck.position_encoding = neck.position_encoding, CachedPositions(neck.position_encoding)
    steps, rate = {
        "images": (plan.image_steps, plan.image_rate),
        "tracks": (plan.track_steps, plan.track_rate),
        "polish": (plan.polish_steps, plan.polish_rate),
    }[part]
    train(model, step, steps, rate)
    neck.position_encoding = exact


def save(model: Sam2VideoModel, plan: Plan, numbers: Numbers, folder: Path, part: str) -> None:
    """Saves it in half precision, and it is measured as it is stored; it is loaded in single."""
    small = deepcopy(model).half().eval()
    for parameter in small.parameters():
        parameter.data = parameter.data.contiguous()  # training has turned them round
    small.save_pretrained(folder)
    size, mask = {"height": SIDE, "width": SIDE}, {"height": SIDE // 4, "width": SIDE // 4}
    image = Sam2ImageProcessor(size=size, mask_size=mask)
    Sam2VideoProcessor(image_processor=image, video_processor=VideoProcessor(size=size)).save_pretrained(
        folder
    )
    said = described("sam2", "SAM 2", f"{plan.scenes} people", plan, numbers)
    write_about(folder, said | {"parts": PARTS[: PARTS.index(part) + 1]})
