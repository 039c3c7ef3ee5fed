"""Makes the networks that dub a clip from references to their weights.

First on the meta device, to ask what they take, then loaded, which takes minutes.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from transformers import Wav2Vec2Config, WhisperConfig

from models.audio.wav2vec import WhisperAndWav2Vec
from models.audio.whisper import LAST, Whisper
from models.dit import checkpoint
from models.dit.config import DitConfig
from models.dit.presets import on_meta
from models.dubbing.prompt import prompt_embedding, prompt_shape
from models.dubbing.request import Networks
from models.weights.pretrained import load, load_processor
from models.weights.references import ModelError, resolve

NONE = "none"


@dataclass(frozen=True)
class References:
    """References to the weights of each network."""

    model: str
    vae: str
    whisper: str
    wav2vec: str
    text: str
    """Of the prompt's encoder, or of its embedding; not looked at by a net that reads no text."""
    experts: tuple[str, ...] = ()

    @property
    def whisper_alone(self) -> bool:
        """Whether the net hears Whisper only, as the paper's own do; the public one hears wav2vec2, too."""
        return self.wav2vec == NONE


def editor_config(references: References) -> DitConfig:
    """Reads the editor's config from the headers of its weights, and refuses whatever is not on this machine."""
    found, missing = None, []
    others = [(what, reference) for what, reference in asdict(references).items() if what != "experts"]
    for what, reference in [*others, *(("expert", one) for one in references.experts)]:
        try:
            if what == "model":
                found = checkpoint.inspect(reference)
            elif (what != "text" or found is None or found.fit.config.text) and reference != NONE:
                resolve(reference)
        except ModelError as error:
            missing.append(str(error))
    if missing or found is None:
        raise ModelError("\n".join(missing))
    if not found.fit.whole:
        raise ModelError(
            f"{found.path} is no editor that is known here; nearest is {found.fit.name}: {found.fit.said()}; pull "
            "or copy it again, or give another one"
        )
    return found.fit.config


def on_meta_device(references: References, config: DitConfig, prompt: str) -> Networks:
    """Makes the networks on the meta device, as they will be, for `models.dubbing.request.check`."""
    vae = _vae_on_meta(resolve(references.vae))
    _check_hearing(references, config)
    prompt_LX = (
        torch.zeros(prompt_shape(prompt, references.text, config.text_tokens)) if config.text else None
    )
    dit = on_meta(config)
    for one in references.experts:
        _expertfile().examined(dit, one)
    return Networks(dit, vae, _never_called, prompt_LX)


def _vae_on_meta(path: Path) -> AutoencoderKLWan:
    try:
        with torch.device("meta"):
            return AutoencoderKLWan.from_config(AutoencoderKLWan.load_config(path, local_files_only=True))
    except Exception as error:  # the library's errors have no common base
        raise ModelError(
            f"{path} is no VAE in the layout of diffusers ({error}); give such a folder, as wan2.2-vae is"
        ) from error


def _check_hearing(references: References, config: DitConfig) -> None:
    whisper = load_processor(WhisperConfig, resolve(references.whisper)).d_model
    wav2vec = 0
    if not references.whisper_alone:
        wav2vec = load_processor(Wav2Vec2Config, resolve(references.wav2vec)).hidden_size
    if whisper + wav2vec != config.audio.features:
        raise ModelError(
            f"{references.model} hears {config.audio.features} numbers a feature, and {references.whisper} and "
            f"{references.wav2vec} make {whisper} and {wav2vec}; give those it learnt with"
        )


def _expertfile() -> ModuleType:
    """Without experts, the library behind them, seconds of it, is not imported."""
    from models.dit import expertfile

    return expertfile


def _never_called(_: np.ndarray) -> np.ndarray:
    raise AssertionError("networks on the meta device were made to work")


def loaded(
    references: References,
    config: DitConfig,
    prompt: str,
    device: str,
    dtype: torch.dtype,
    tell: Callable[[str], None],
) -> Networks:
    """Loads the networks; `tell` is called with what comes next.

    The prompt's encoder is gone before the others come: it is the largest.
    """
    prompt_LX = None
    if config.text:
        tell("the prompt")
        prompt_LX = prompt_embedding(prompt, references.text, config.text_tokens).to(device)
    tell("the VAE")
    vae = load(AutoencoderKLWan, resolve(references.vae), dtype).to(device)
    tell("what listens")
    audio_features = (
        _whisper(references, device)
        if references.whisper_alone
        else WhisperAndWav2Vec(references.whisper, references.wav2vec, device).features
    )
    tell(f"the editor, {_size_on_disk(resolve(references.model))}")
    dit = checkpoint.load(references.model, config, device, dtype).requires_grad_(False)
    for one in references.experts:
        _expertfile().load(dit, one)
    return Networks(dit, vae, audio_features, prompt_LX)


def _whisper(references: References, device: str) -> Callable[[np.ndarray], np.ndarray]:
    whisper = Whisper(references.whisper, (LAST,), device)
    return lambda sound: whisper.features(sound)[:, 0]


def _size_on_disk(path: Path) -> str:
    files = path.glob("*.safetensors") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
