"""Runs SAM 2's tracking over a batch of short clips with gradients, which the library's own sessions can't.

Sessions take one object at a time and run without gradients, so a memory can't be learned through them. This
walks the same modules in the same order (a test holds the two to the same logits). Frame 0 has the box, every
later one is found from memory. B clips, T frames, N places of the coarsest features, C channels.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from transformers import Sam2VideoModel

BOX_CORNERS = (2, 3)
"""Labels of a prompt's points that say: these are two corners of a box."""
NO_POINT = -1
ABSENT = -1024.0
"""Logit of every pixel where the object is thought to be out of sight, as in the library."""


@dataclass(frozen=True)
class Tracked:
    """What was found on every frame."""

    logits_BTHW: Tensor
    """A quarter of the model's picture; as the decoder gives them, whether or not it sees the object."""
    presence_BT: Tensor
    """Logit: is the object in sight."""
    iou_BT: Tensor
    """What the model thinks of its own mask."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of one frame."""

    features_NBC: Tensor
    where_NBC: Tensor
    pointer_BC: Tensor


@dataclass(frozen=True)
class Seen:
    """One frame of each clip as the vision encoder gives it."""

    coarse_NBC: Tensor
    where_NBC: Tensor
    fine: list[Tensor]
    """Two finer maps (B, C, H, W) for the mask's edges."""


def track(model: "Sam2VideoModel", pixels_BT3HW: Tensor, box_B4: Tensor) -> Tracked:
    """Follows the boxes, x0, y0, x1, y1 in the model's own pixels on the first frame, through all frames."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    memories: list[Memory] = []
    for frame, seen in enumerate(_see(model, pixels_BT3HW)):
        fused_BCHW = _fuse(model, seen, memories)
        logits_BHW, presence_B, iou_B, token_BC = _decode(
            model, fused_BCHW, seen, box_B4 if not frame else None
        )
        found.append((logits_BHW, presence_B, iou_B))
        if frame < pixels_BT3HW.shape[1] - 1:
            memories.append(_remember(model, seen, logits_BHW, presence_B, token_BC, prompted=not frame))
    return Tracked(*(torch.stack(parts, 1) for parts in zip(*found, strict=True)))


def _see(model: "Sam2VideoModel", pixels_BT3HW: Tensor) -> list[Seen]:
    clips, frames = pixels_BT3HW.shape[:2]
    out = model.get_image_features(pixels_BT3HW.flatten(0, 1), return_dict=True)
    levels = [level.unflatten(1, (clips, frames)) for level in out.fpn_hidden_states]
    where = out.fpn_position_encoding[-1].expand(-1, clips * frames, -1).unflatten(1, (clips, frames))
    sizes = model.backbone_feature_sizes[:-1]
    return [
        Seen(
            levels[-1][:, :, t],
            where[:, :, t],
            [_map(lv[:, :, t], s) for lv, s in zip(levels[:-1], sizes, strict=True)],
        )
        for t in range(frames)
    ]


def _map(level_NBC: Tensor, size: list[int]) -> Tensor:
    return level_NBC.permute(1, 2, 0).unflatten(2, tuple(size))


def _fuse(model: "Sam2VideoModel", seen: Seen, memories: list[Memory]) -> Tensor:
    """The frame in the light of what is remembered: of the prompted frame and of the last few before this."""
    size = model.backbone_feature_sizes[-1]
    if not memories:
        return _map(seen.coarse_NBC + model.no_memory_embedding, size)
    recent = memories[1:][-(model.num_maskmem - 1) :]
    ages = [0, *range(len(recent), 0, -1)]
    times = model.memory_temporal_positional_encoding
    chosen = [memories[0], *recent]
    where = [m.where_NBC + times[age - 1] for m, age in zip(chosen, ages, strict=True)]
    width = model.mem_dim
    pointers = [m.pointer_BC.unflatten(1, (-1, width)).transpose(0, 1) for m in memories]
    pointers_NBC = torch.cat(
        pointers[:1] + pointers[1:][-(model.config.max_object_pointers_in_encoder - 1) :]
    )
    (fused_BNC,) = model.memory_attention(
        current_vision_features=seen.coarse_NBC,
        current_vision_position_embeddings=seen.where_NBC,
        memory=torch.cat([*(m.features_NBC for m in chosen), pointers_NBC]),
        memory_posision_embeddings=torch.cat([*where, torch.zeros_like(pointers_NBC)]),
        num_object_pointer_tokens=len(pointers_NBC),
    )
    return fused_BNC.transpose(1, 2).unflatten(2, tuple(size))


def _decode(
    model: "Sam2VideoModel", fused_BCHW: Tensor, seen: Seen, box_B4: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    count = len(fused_BCHW)
    points_B1K2 = box_B4.view(-1, 1, 2, 2) if box_B4 is not None else fused_BCHW.new_zeros(count, 1, 1, 2)
    labels = BOX_CORNERS if box_B4 is not None else (NO_POINT,)
    labels_B1K = torch.tensor(labels, dtype=torch.int32).expand(count, 1, -1)
    sparse, dense = model.prompt_encoder(points_B1K2, labels_B1K, None, None)
    logits, iou, tokens, presence = model.mask_decoder(
        image_embeddings=fused_BCHW,
        image_positional_embeddings=model.get_image_wide_positional_embeddings().expand(count, -1, -1, -1),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
        high_resolution_features=seen.fine,
    )
    return logits[:, 0, 0], presence[:, 0, 0], iou[:, 0, 0], tokens[:, 0, 0]


def _remember(
    model: "Sam2VideoModel",
    seen: Seen,
    logits_BHW: Tensor,
    presence_B: Tensor,
    token_BC: Tensor,
    prompted: bool,
) -> Memory:
    """A mask from a prompt is remembered as it is, a tracked one with its doubts; out of sight counts too."""
    here_B1 = (presence_B > 0).float()[:, None]
    masked_B1HW = torch.where(here_B1[:, :, None, None] > 0, logits_BHW[:, None], ABSENT)
    # A quarter of the picture's side, as the decoder gives it.
    large_B1HW = interpolate(masked_B1HW, scale_factor=4, mode="bilinear", align_corners=False)
    sure = (large_B1HW > 0).float() if prompted and not model.training else large_B1HW.sigmoid()
    config = model.config
    scaled_B1HW = sure * config.sigmoid_scale_for_mem_enc + config.sigmoid_bias_for_mem_enc
    coarse_BCHW = _map(seen.coarse_NBC, model.backbone_feature_sizes[-1])
    features_BCHW, where_BCHW = model.memory_encoder(coarse_BCHW, scaled_B1HW)
    absence = model.occlusion_spatial_embedding_parameter
    assert absence is not None, "SAM 2.1 has it; 2.0 is not trained here"
    features_BCHW = features_BCHW + ((1 - here_B1) * absence)[..., None, None]
    pointer_BC = here_B1 * model.object_pointer_proj(token_BC) + (1 - here_B1) * model.no_object_pointer
    flat = features_BCHW.flatten(2).permute(2, 0, 1), where_BCHW.flatten(2).permute(2, 0, 1)
    return Memory(*flat, pointer_BC)
