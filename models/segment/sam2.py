"""Follows things by SAM 2 as transformers has it: any checkpoint that `Sam2VideoModel.from_pretrained` loads.

    Sam2Segmenter("mini:sam2").propagate(rgb_FHWC, [Prompt(frame=12, box=(20, 30, 44, 64))])

Each prompt is an object of its own. From its frame the object is followed to the end of the clip, then, with
what has been seen of it, to the beginning. F frames, N objects.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import Sam2VideoInferenceSession, Sam2VideoModel, Sam2VideoProcessor

from models.segment.segmenter import Followed, MaskRecorder, Prompt, check_prompts, prompts_by_frame
from models.weights import pretrained
from models.weights.references import resolve

CACHE_BYTES = 4 << 30
"""Of features of frames, kept where prompts on several frames would have them computed again."""
BYTES_PER_PIXEL = 16
"""Of a frame's features, over the pixels of the model's picture."""


class Sam2Segmenter:
    """Implements `Segmenter` with transformers."""

    def __init__(self, reference: str, device: str | None = None):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        model, self.processor = load(reference)
        self.model: Any = model.to(device=self.device, dtype=self.dtype).eval()

    @torch.inference_mode()
    def propagate(self, rgb_FHWC: np.ndarray, prompts: Sequence[Prompt]) -> list[Followed]:
        """Returns one answer for each prompt, in their order; from its frame on to both ends of the clip."""
        check_prompts(rgb_FHWC, prompts)
        by_frame = prompts_by_frame(prompts)
        session = self._session(rgb_FHWC, many=len(by_frame) > 1)
        answers = [MaskRecorder(rgb_FHWC.shape) for _ in prompts]
        for frame, numbers in by_frame.items():
            session.reset_tracking_data()
            boxes = [list(prompts[number].box) for number in numbers]
            for at, logits_NHW in self._follow(session, frame, boxes):
                for number, logits_HW in zip(numbers, logits_NHW, strict=True):
                    answers[number].put(at, logits_HW)
        return [answer.done() for answer in answers]

    def _session(self, rgb_FHWC: np.ndarray, many: bool) -> Sam2VideoInferenceSession:
        frames, height, width = rgb_FHWC.shape[:3]
        fits = frames * self.model.config.image_size**2 * BYTES_PER_PIXEL <= CACHE_BYTES
        session = Sam2VideoInferenceSession(
            video_height=height,
            video_width=width,
            inference_device=self.device,
            inference_state_device=self.device,
            video_storage_device=self.device,
            dtype=self.dtype,
            max_vision_features_cache_size=frames if many and fits else 1,
        )
        session.processed_frames = Frames(self, rgb_FHWC)  # type: ignore[assignment]
        return session

    def _follow(
        self, session: Sam2VideoInferenceSession, frame: int, boxes: list[list[float]]
    ) -> Iterator[tuple[int, Tensor]]:
        """Each frame's number, and the objects' logits at the clip's size."""
        self.processor.add_inputs_to_inference_session(
            session, frame_idx=frame, obj_ids=list(range(len(boxes))), input_boxes=[boxes]
        )
        self.model(session, frame_idx=frame)
        onward = self.model.propagate_in_video_iterator(session, start_frame_idx=frame)
        yield from (self._answer(session, out) for out in onward)
        back = self.model.propagate_in_video_iterator(session, start_frame_idx=frame, reverse=True)
        yield from (self._answer(session, out) for out in back if out.frame_idx != frame)

    def _answer(self, session: Sam2VideoInferenceSession, out: Any) -> tuple[int, Tensor]:
        size = (int(session.video_height or 0), int(session.video_width or 0))
        logits_N1HW = interpolate(out.pred_masks.float(), size=size, mode="bilinear", align_corners=False)
        for kept in session.output_dict_per_obj.values():
            for frames in kept.values():
                # Remembered already, and for no further use: a gigabyte an object in a clip of ten seconds.
                frames.get(out.frame_idx, {}).pop("high_res_masks", None)
        return out.frame_idx, logits_N1HW[:, 0]


class Frames:
    """Makes a session's frames when they are asked for: a whole clip at the model's size takes gigabytes."""

    def __init__(self, segmenter: Sam2Segmenter, rgb_FHWC: np.ndarray):
        self.segmenter, self.rgb_FHWC = segmenter, rgb_FHWC

    def __len__(self) -> int:
        return len(self.rgb_FHWC)

    def __getitem__(self, frame: int) -> Tensor:
        video = torch.from_numpy(self.rgb_FHWC[frame : frame + 1]).permute(0, 3, 1, 2)
        processed = self.segmenter.processor.video_processor(
            videos=video, return_tensors="pt", device=self.segmenter.device
        )
        return processed.pixel_values_videos[0, 0].to(self.segmenter.dtype)


def load(reference: str) -> tuple[Any, Sam2VideoProcessor]:
    """Loads the model, in fp32 and whole, and what prepares its frames."""
    path = resolve(reference)
    return pretrained.load(Sam2VideoModel, path), pretrained.load_processor(Sam2VideoProcessor, path)
