"""Makes a SAM 2 of transformers' classes, small enough to be trained on a laptop: the sizes of `mini:sam2`."""

import torch
from torch import Tensor, nn
from transformers import Sam2VideoConfig, Sam2VideoModel

SIDE = 128
"""Pixels of the model's picture."""
WIDE = 128
"""Channels of its features."""
WIDTHS = [24, 48, 96, 128]
SIZES = [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2]
SPREAD = 0.06
"""Of the first weights: wider than for large models, for layers this narrow."""


def config() -> Sam2VideoConfig:
    """Returns SAM 2.1's config, small. One mask for a box, not several to choose from: here a box means one thing."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": WIDTHS[0],
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": WIDTHS,
        "num_attention_heads_per_stage": [1, 2, 4, 4],
        "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [3],
        "initializer_range": SPREAD,
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": WIDTHS[::-1],
        "backbone_feature_sizes": SIZES,
        "fpn_hidden_size": WIDE,
        "initializer_range": SPREAD,
    }
    decoder = {
        "hidden_size": WIDE,
        "mlp_dim": 2 * WIDE,
        "num_attention_heads": 4,
        "iou_head_hidden_dim": 64,
        "num_multimask_outputs": 0,
        "dynamic_multimask_via_stability": False,
    }
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": WIDE, "image_size": SIDE, "mask_input_channels": 8},
        mask_decoder_config=decoder,
        image_size=SIDE,
        initializer_range=SPREAD,
        multimask_output_in_sam=False,
        num_maskmem=4,
        max_object_pointers_in_encoder=4,
        enable_temporal_pos_encoding_for_object_pointers=False,
        memory_attention_hidden_size=WIDE,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=2 * WIDE,
        memory_attention_dropout=0.0,
        memory_attention_rope_dropout=0.0,
        memory_attention_rope_feat_sizes=SIZES[-1],
        memory_encoder_hidden_size=WIDE,
        mask_downsampler_embed_dim=WIDE,
        memory_fuser_embed_dim=WIDE,
        memory_fuser_intermediate_dim=2 * WIDE,
    )


class CachedPositions(nn.Module):
    """Computes the position encoding of a feature map once per size.

    The library does it for every picture of a batch anew, a fifth of a training step.
    """

    def __init__(self, encode: nn.Module):
        super().__init__()
        self.encode = encode
        self.known: dict[torch.Size, Tensor] = {}

    def forward(self, shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
        if shape[1:] not in self.known:
            self.known[shape[1:]] = self.encode(torch.Size([1, *shape[1:]]), device, dtype)
        return self.known[shape[1:]].expand(shape[0], -1, -1, -1)


def untrained() -> Sam2VideoModel:
    """Returns the model before any training."""
    model = Sam2VideoModel(config())
    # The library starts these at nothing, for weights that are loaded.
    for layer in model.memory_encoder.memory_fuser.layers:
        nn.init.ones_(layer.scale)  # type: ignore[arg-type]
    # A prompt's places must mean the picture's.
    state = model.state_dict()
    state["prompt_encoder.shared_embedding.positional_embedding"].copy_(
        state["shared_image_embedding.positional_embedding"]
    )
    return model
