"""Follows things by SAM 2 as its authors' `sam2` package has it.

It takes a checkpoint of theirs (`sam2.1_hiera_large.pt`).

Results are those of models/segment/sam2.py up to how a picture is scaled to the model's size. The package is
not part of any install of this project: it has to be built against the torch that is there.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.segment.segmenter import Followed, MaskRecorder, Prompt, check_prompts, prompts_by_frame
from models.weights.references import ModelError, resolve

CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
"""Size in a checkpoint's name -> in its configuration's."""
MISSING = (
    "the segmenter `official` needs the package sam2 ({error}): `pip install --no-build-isolation sam2`, or "
    "take `sam2`, which is transformers' and loads the same weights"
)


class OfficialSegmenter:
    """Implements `Segmenter` with the authors' package."""

    def __init__(self, reference: str, device: str | None = None):
        self.predictor = load(resolve(reference), device or ("cuda" if torch.cuda.is_available() else "cpu"))

    @torch.inference_mode()
    def propagate(self, rgb_FHWC: np.ndarray, prompts: Sequence[Prompt]) -> list[Followed]:
        """Returns one answer for each prompt, in their order; from its frame on to both ends of the clip."""
        check_prompts(rgb_FHWC, prompts)
        answers = [MaskRecorder(rgb_FHWC.shape) for _ in prompts]
        with tempfile.TemporaryDirectory() as folder:
            write_frames(rgb_FHWC, Path(folder))
            state = self.predictor.init_state(video_path=folder)
        for frame, numbers in prompts_by_frame(prompts).items():
            self.predictor.reset_state(state)
            for number in numbers:
                box_4 = np.array(prompts[number].box, np.float32)
                self.predictor.add_new_points_or_box(state, frame_idx=frame, obj_id=number, box=box_4)
            for at, ids, logits_NHW in self._both_ways(state, frame):
                for number, logits_HW in zip(ids, logits_NHW, strict=True):
                    answers[number].put(at, logits_HW)
        return [answer.done() for answer in answers]

    def _both_ways(self, state: Any, frame: int) -> Iterator[tuple[int, list[int], Tensor]]:
        for reverse in (False, True) if frame else (False,):
            way = self.predictor.propagate_in_video(state, start_frame_idx=frame, reverse=reverse)
            for at, ids, logits_N1HW in way:
                yield at, ids, logits_N1HW[:, 0]


def write_frames(rgb_FHWC: np.ndarray, folder: Path) -> None:
    """Writes frames as the package reads them: numbered `.jpg`, which it opens by content. As PNG nothing is lost."""
    for number, rgb_HWC in enumerate(rgb_FHWC):
        Image.fromarray(rgb_HWC).save(folder / f"{number:06d}.jpg", format="PNG", compress_level=1)


def config_of(checkpoint: Path) -> str:
    """Returns the configuration inside the package that a checkpoint's name tells of."""
    version, _, size = checkpoint.stem.partition("_hiera_")
    if version not in ("sam2", "sam2.1") or size not in CONFIGS:
        known = ", ".join(f"sam2.1_hiera_{size}.pt" for size in CONFIGS)
        raise ModelError(
            f"{checkpoint} is not named as sam2's checkpoints are, which tells its sizes: {known}"
        )
    return f"configs/{version}/{version}_hiera_{CONFIGS[size]}.yaml"


def load(checkpoint: Path, device: str) -> Any:
    """Loads the authors' predictor, or says how to install it."""
    config = config_of(checkpoint)
    try:
        from sam2.build_sam import build_sam2_video_predictor
    except ImportError as error:
        raise ModelError(MISSING.format(error=error)) from error
    predictor = build_sam2_video_predictor(config, str(checkpoint), device=device)
    # Holes are part of what was seen: transformers fills none either.
    predictor.fill_hole_area = 0
    return predictor
