"""Following things with SAM 2: the shipped weights through the adapter, and what is refused."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import Sam2VideoConfig, Sam2VideoModel

from models.mini.sam2.corpus import pixels
from models.mini.world_clips import make_clip
from models.segment import load_segmenter
from models.segment.official import OfficialSegmenter, config_of, write_frames
from models.segment.sam2 import Frames, Sam2Segmenter
from models.segment.segmenter import Followed, Prompt, box_of
from models.segment.unrolled import track
from models.weights.references import ModelError, resolve

MINI = "mini:sam2"


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter("sam2", MINI)


@pytest.fixture(scope="module")
def clip():
    """In which the cup is there from the first frame to the last."""
    return make_clip(5, 12, 12, kind="cup")


def prompt_on(clip, frame):
    return Prompt(frame, box_of(clip.occluder_FHW[frame]))


def iou(one_FHW, two_FHW):
    return (one_FHW & two_FHW).sum() / (one_FHW | two_FHW).sum()


def test_a_box_on_any_frame_is_followed_to_both_ends(segmenter, clip):
    for frame in (0, 6, 11):
        (found,) = segmenter.propagate(clip.rgb_FHWC, [prompt_on(clip, frame)])
        assert found.mask_FHW.shape == clip.occluder_FHW.shape
        assert iou(found.mask_FHW, clip.occluder_FHW) > 0.7
        assert iou(found.mask_FHW[0], clip.occluder_FHW[0]) > 0.7
        assert iou(found.mask_FHW[11], clip.occluder_FHW[11]) > 0.7
        assert found.seen_F.all()
        assert (found.stability_F > 0.5).all()
        assert (found.stability_F <= 1).all()


def test_prompts_are_answered_in_their_order_and_apart(segmenter, clip):
    prompts = [prompt_on(clip, 9), Prompt(2, (2.0, 2.0, 20.0, 20.0)), prompt_on(clip, 2)]
    together = segmenter.propagate(clip.rgb_FHWC, prompts)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = segmenter.propagate(clip.rgb_FHWC, [prompt])
        assert (alone.mask_FHW != found.mask_FHW).mean() < 0.001
        assert np.allclose(alone.stability_F, found.stability_F, atol=0.05)


def test_unrolled_walks_as_the_librarys_sessions_do(segmenter, clip, monkeypatch):
    """Weights are trained by the one and used by the other."""
    given, answer = [], Sam2Segmenter._answer
    monkeypatch.setattr(
        Sam2Segmenter, "_answer", lambda self, size, out: given.append(out) or answer(self, size, out)
    )
    segmenter.propagate(clip.rgb_FHWC, [prompt_on(clip, 0)])
    logits = {out.frame_idx: (out.pred_masks[0, 0], out.object_score_logits.item()) for out in given}
    frames = Frames(segmenter, clip.rgb_FHWC)
    pixels_BT3HW = torch.stack([frames[n] for n in range(len(frames))])[None]
    scale = segmenter.model.config.image_size / 64
    with torch.no_grad():
        walked = track(segmenter.model, pixels_BT3HW, torch.tensor([prompt_on(clip, 0).box]) * scale)
    for frame in range(12):
        # The library keeps its memories in bf16.
        assert torch.allclose(walked.logits_BTHW[0, frame], logits[frame][0], atol=0.3)
        assert walked.presence_BT[0, frame].item() == pytest.approx(logits[frame][1], abs=0.3)


def test_training_sees_the_pixels_that_use_sees(segmenter, clip):
    frames = Frames(segmenter, clip.rgb_FHWC)
    trained_3HW = pixels(torch.from_numpy(clip.rgb_FHWC[:1]).permute(0, 3, 1, 2).float()[None])[0, 0]
    assert (trained_3HW - frames[0]).abs().max() < 0.05


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (Prompt(12, (1, 1, 9, 9)), "frame 12, but the clip's frames are 0 to 11"),
        (Prompt(-1, (1, 1, 9, 9)), "frame -1"),
        (Prompt(0, (9, 1, 1, 9)), "no x0, y0, x1, y1"),
        (Prompt(0, (1, 1, 9, 65)), "inside a picture of 64x64"),
        (Prompt(0, (1, 1, float("nan"), 9)), "nan"),
    ],
)
def test_a_prompt_that_is_none_of_the_clips_is_refused(segmenter, clip, prompt, why):
    with pytest.raises(ValueError, match=why):
        segmenter.propagate(clip.rgb_FHWC, [prompt])


def test_weights_that_are_not_all_there_are_refused(tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(resolve(MINI), folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "memory_encoder" not in k}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"no whole Sam2VideoModel.*are missing.*memory_encoder"):
        Sam2Segmenter(str(folder))
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="no Sam2VideoModel that can be loaded"):
        Sam2Segmenter(str(folder))


def large():
    """SAM 2.1 hiera-large, as facebook/sam2.1-hiera-large has it."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 144,
        "num_attention_heads": 2,
        "blocks_per_stage": [2, 6, 36, 4],
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "window_size_per_stage": [8, 4, 16, 8],
        "global_attention_blocks": [23, 33, 43],
    }
    return Sam2VideoConfig(
        vision_config={"backbone_config": backbone, "backbone_channel_list": [1152, 576, 288, 144]}
    )


def test_the_large_model_is_the_same_class_with_other_sizes():
    with torch.device("meta"):
        model = Sam2VideoModel(large())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 224.4
    assert shapes["vision_encoder.backbone.blocks.47.mlp.proj_in.weight"] == (4608, 1152)
    assert shapes["memory_encoder.projection.weight"] == (64, 256, 1, 1)
    assert shapes["memory_temporal_positional_encoding"] == (7, 1, 1, 64)
    mini = set(load_file(resolve(MINI) / "model.safetensors"))
    parts = {name.split(".")[0] for name in shapes}
    assert {name.split(".")[0] for name in mini} - {"shared_image_embedding"} <= parts


# -- the authors' own package --------------------------------------------------------------------------


def test_the_authors_package_is_asked_for_by_name(tmp_path):
    assert config_of(tmp_path / "sam2.1_hiera_base_plus.pt") == "configs/sam2.1/sam2.1_hiera_b+.yaml"
    with pytest.raises(ModelError, match=r"sam2\.1_hiera_large\.pt"):
        config_of(tmp_path / "weights.pt")
    checkpoint = tmp_path / "sam2.1_hiera_tiny.pt"
    checkpoint.write_bytes(b"")
    with pytest.raises(ModelError, match="needs the package sam2"):
        OfficialSegmenter(str(checkpoint), "cpu")


def test_frames_reach_the_authors_package_without_loss(tmp_path, clip):
    write_frames(clip.rgb_FHWC, tmp_path)
    files = sorted(tmp_path.iterdir(), key=lambda path: int(path.stem))
    assert [path.suffix for path in files] == [".jpg"] * 12
    back_FHWC = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])
    assert np.array_equal(back_FHWC, clip.rgb_FHWC)


class Boxes:
    """Answers like the authors' video predictor, with each object's own box on every frame."""

    def init_state(self, video_path):
        return {"video": video_path, "boxes": {}}

    def reset_state(self, state):
        state["boxes"] = {}

    def add_new_points_or_box(self, state, frame_idx, obj_id, box):
        state["boxes"][obj_id] = box.astype(int)

    def propagate_in_video(self, state, start_frame_idx, reverse):
        for frame in range(start_frame_idx, -1, -1) if reverse else range(start_frame_idx, 12):
            logits_N1HW = torch.full((len(state["boxes"]), 1, 64, 64), -1024.0 if frame == 7 else -9.0)
            for n, (x0, y0, x1, y1) in enumerate(state["boxes"].values()):
                logits_N1HW[n, 0, y0:y1, x0:x1] += 0 if frame == 7 else 18
            yield frame, list(state["boxes"]), logits_N1HW


def test_the_authors_predictor_gives_the_same_kind_of_answer(clip):
    segmenter = OfficialSegmenter.__new__(OfficialSegmenter)
    segmenter.predictor = Boxes()
    prompts = [Prompt(5, (1, 2, 11, 22)), Prompt(0, (30, 30, 40, 40)), Prompt(5, (50, 50, 60, 60))]
    for prompt, found in zip(prompts, segmenter.propagate(clip.rgb_FHWC, prompts), strict=True):
        assert isinstance(found, Followed)
        assert found.seen_F.tolist() == [frame != 7 for frame in range(12)]
        assert all(box_of(mask) == prompt.box for mask in found.mask_FHW[found.seen_F])
        assert not found.mask_FHW[7].any()
        assert found.stability_F[7] == 1
