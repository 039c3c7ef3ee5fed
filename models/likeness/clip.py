"""Says how alike two pictures are, as CLIP's picture tower sees it.

Any CLIP of transformers will do, the mini one included. B counts pictures, D numbers in a vector.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import normalize
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from models.weights.pretrained import load, load_processor
from models.weights.references import resolve

BATCH = 32
"""Pictures a pass."""


class ClipLikeness:
    """Turns pictures into vectors by any CLIP of transformers."""

    def __init__(self, reference: str, device: str = "cpu"):
        path = resolve(reference)
        self.model = load(CLIPVisionModelWithProjection, path).to(device)
        self.processor = load_processor(CLIPImageProcessor, path)
        self.device = device

    @torch.inference_mode()
    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Returns float32 unit vectors (B, D) of RGB pictures (H, W, 3), 0..255; their cosine is the likeness."""
        vectors = []
        for start in range(0, len(pictures), BATCH):
            some = [np.asarray(rgb_HWC) for rgb_HWC in pictures[start : start + BATCH]]
            seen = self.processor(some, return_tensors="pt", input_data_format="channels_last")
            vectors.append(self.model(seen.pixel_values.to(self.device)).image_embeds)
        return normalize(torch.cat(vectors).float()).cpu().numpy()
