"""The CLIP adapter: the library's own vectors, out of whole checkpoints only."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from models.likeness.clip import ClipLikeness
from models.mini.clip.train import config, processor
from models.weights.references import ModelError

TEXT = CLIPTextConfig(
    hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=9
)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*sides, 3)).astype(np.uint8) for sides in ((64, 64), (90, 70))]


@pytest.fixture(scope="module")
def both_towers(tmp_path_factory):
    """A checkpoint as the hub has them: pictures and text in one file."""
    folder = tmp_path_factory.mktemp("clip")
    towers = CLIPConfig(text_config=TEXT.to_dict(), vision_config=config().to_dict(), projection_dim=64)
    CLIPModel(towers).save_pretrained(folder)
    processor().save_pretrained(folder)
    return folder


def test_vectors_are_those_of_the_library_with_both_towers(both_towers, pictures):
    seen_BD = ClipLikeness(str(both_towers)).embed(pictures)
    model, prepare = CLIPModel.from_pretrained(both_towers), CLIPImageProcessor.from_pretrained(both_towers)
    for rgb_HWC, seen_D in zip(pictures, seen_BD, strict=True):
        with torch.inference_mode():
            pooled_1D = model.vision_model(**prepare(rgb_HWC, return_tensors="pt")).pooler_output
            theirs_D = model.visual_projection(pooled_1D)[0].numpy()
        assert np.linalg.norm(seen_D) == pytest.approx(1, abs=1e-5)
        assert seen_D == pytest.approx(theirs_D / np.linalg.norm(theirs_D), abs=1e-4)


def test_a_checkpoint_that_lacks_tensors_is_refused_by_their_names(both_towers, tmp_path):
    for file in both_towers.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 of its tensors.*visual_projection\.weight"):
        ClipLikeness(str(tmp_path))


def test_a_folder_without_a_model_is_refused_by_name(tmp_path):
    processor().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=str(tmp_path)):
        ClipLikeness(str(tmp_path))


def test_the_full_size_is_the_picture_tower_of_clip_vit_l_14():
    with torch.device("meta"):
        tower = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1024,
                intermediate_size=4096,
                num_hidden_layers=24,
                num_attention_heads=16,
                image_size=224,
                patch_size=14,
                projection_dim=768,
            )
        )
    counted = {name: one.numel() for name, one in tower.named_parameters()}
    assert sum(counted.values()) - counted["visual_projection.weight"] == 303_179_776
    assert counted["visual_projection.weight"] == 1024 * 768
    assert tower(torch.empty(1, 3, 224, 224, device="meta")).image_embeds.shape == (1, 768)
