"""A shrunken random copy of everything the public X-Dub checkpoint needs, saved as the public files are."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import UMT5Config, UMT5EncoderModel, WhisperConfig, WhisperFeatureExtractor, WhisperModel

from models.dit.presets import XDUB, on_meta
from tests.models.audio.test_wav2vec import save_wav2vec

SMALL = replace(
    XDUB, dim=24, layers=2, heads=2, ffn=32, channels=6, text=8, text_tokens=4, frequencies=16,
    audio=replace(XDUB.audio, features=20, width=8, heads=2, layers=2),
)  # fmt: skip


@dataclass(frozen=True)
class SmallXdub:
    """Its files."""

    model: Path
    vae: Path
    whisper: Path
    wav2vec: Path
    text: Path


def save_xdub(folder: Path) -> SmallXdub:
    """SMALL is none of the presets: name it so, and it is known by its tensors."""
    files = SmallXdub(
        folder / "dit.safetensors", folder / "vae", folder / "whisper", folder / "wav2vec", folder / "text"
    )
    torch.manual_seed(0)
    weights = {key: torch.randn(one.shape) * 0.3 for key, one in on_meta(SMALL).state_dict().items()}
    save_file(weights, files.model)
    sizes = {"d_model": 8, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "vocab_size": 60,
             "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}  # fmt: skip
    WhisperModel(WhisperConfig(**sizes)).save_pretrained(files.whisper)
    WhisperFeatureExtractor().save_pretrained(files.whisper)
    files.wav2vec.mkdir()
    save_wav2vec(files.wav2vec)
    AutoencoderKLWan(
        base_dim=8, z_dim=6, dim_mult=[1, 2, 2], num_res_blocks=1, temperal_downsample=[True, True],
        in_channels=12, out_channels=12, patch_size=2, is_residual=True,
        latents_mean=[0.1] * 6, latents_std=[2.0] * 6,
    ).save_pretrained(files.vae)  # fmt: skip
    save_umt5(files.text)
    return files


def save_umt5(folder: Path, numbers: int = 8) -> None:
    """As diffusers lays out a pipeline; the tokenizer knows three words and ends like umT5's."""
    config = UMT5Config(vocab_size=6, d_model=numbers, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    UMT5EncoderModel(config).save_pretrained(folder / "text_encoder")
    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "face": 4, "speaks": 5}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
