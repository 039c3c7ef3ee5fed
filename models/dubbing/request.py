"""Holds what a dubbing is asked for, and refuses what can't be done before any work is done on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from models.audio.windows import FEATURES_HZ, FPS, FRAMES_PER_LATENT, RATE
from models.dit.flow import SHIFT, STEPS
from models.dit.net import VideoDit
from models.vae import latents_of, pixels_per_latent

QUIET = 1e-4
"""No sample beyond this, -80 dB: an empty track. What 16 bits cannot tell from silence is a third of it."""


@dataclass(frozen=True)
class Networks:
    """The networks, each where it runs and in its own precision."""

    dit: VideoDit
    """An editor: one latent at a time, the companion as frames beside it."""
    vae: AutoencoderKLWan
    audio_features: Callable[[np.ndarray], np.ndarray]
    """16 kHz mono to (P, A), 50 features a second (`models.audio.wav2vec.WhisperAndWav2Vec.features`)."""
    prompt_LX: Tensor | None = None
    """The public checkpoint's prompt is always "", embedded by its own text encoder; none where a net reads none."""


@dataclass(frozen=True)
class Settings:
    """How to dub; the defaults are those of the public checkpoint."""

    clip: int = 77
    """Frames the net sees at once, and learnt on."""
    motion: int = 5
    """Frames of a clip that the one before it ended with."""
    steps: int = STEPS
    shift: float = SHIFT
    reference: float = 2.5
    audio: float = 10.0
    """How far guidance goes towards what is seen and what is heard. With a `reference` of 0 what is seen is not
    guided: for nets that learnt with a companion always in sight."""
    border: bool = True
    """The outermost latents follow the reference, so that the face can be put back into its picture."""
    batched: bool = True
    """What guidance takes (three, or two) as one batch; one after the other needs as much less memory."""
    tile: int = 32
    """Latents at a time, in height and width, through the VAE; 512 pixels of the public one's are one tile."""
    reuse: float = 0.0
    """How far off a guess may be for a step to be left out (models/dubbing/reuse.py); 0 leaves out none."""
    whole_sound: bool = False
    """A video that ends before the sound turns round, there and back, as the public checkpoint's pipeline has it."""
    silence: bool = False
    """Sound without a signal is meant (do lips keep still?), and no empty track."""
    seed: int = 0

    def __post_init__(self) -> None:
        if latents_of(self.motion) >= latents_of(self.clip):
            raise ValueError(
                f"{self.motion} motion frames leave nothing of a clip of {self.clip}; give 5 of 77"
            )
        if not 0 <= self.reuse < 1:
            raise ValueError(
                f"reuse is a share of the velocity, from 0 (every step is computed) below 1, not {self.reuse}; "
                "try 0.05"
            )

    @property
    def advance(self) -> int:
        """How many frames lie between one clip's first and the next one's."""
        return self.clip - self.motion

    def clips(self, frames: int) -> int:
        """Returns how many clips so many frames take."""
        return 1 + max(0, -(-(frames - self.clip) // self.advance))


def frames_to_either_side(window: int) -> int:
    """Returns how many frames a latent hears to either side of its own four."""
    each = FEATURES_HZ // FPS
    own = each * FRAMES_PER_LATENT
    spread, rest = divmod(window - own, 2 * each)
    if rest or spread < 0:
        raise ValueError(
            f"a window of {window} features is no {FRAMES_PER_LATENT} frames of {each} features with as many to "
            f"either side; give a net that hears {own} (the public one) or {own + 4 * each} (the paper's)"
        )
    return spread


def check(parts: Networks, video_FHWC: np.ndarray, sound: np.ndarray, settings: Settings) -> int:
    """Checks a request, and returns how many frames there will be.

    The shorter of video and sound wins, unless all of the sound is wanted: a face for which there is no sound would
    have to be left as it was, and sound without a face has nothing to move.
    """
    _check_networks(parts)
    _check_video(parts, video_FHWC)
    _check_sound(parts, sound)
    heard = int(len(sound) * FPS / RATE)
    frames = heard if settings.whole_sound else min(len(video_FHWC), heard)
    if not settings.silence and np.abs(sound[: frames * RATE // FPS]).max(initial=0) < QUIET:
        raise ValueError(
            f"the sound is silent throughout the {frames / FPS:.2f} s that are used of it; give the track that has "
            "the voice, or Settings(silence=True)"
        )
    return frames


def _check_networks(parts: Networks) -> None:
    config, channels = parts.dit.config, parts.vae.config.z_dim
    frames_to_either_side(config.audio.window)
    if config.stacked != 1:
        raise ValueError(
            "this net takes two latents over one another, and dubbing needs an editor that takes frames beside "
            "frames (stacked=1)"
        )
    if config.channels != channels:
        raise ValueError(
            f"the net takes latents of {config.channels} channels, and the VAE makes {channels}; "
            "give the VAE it learnt with"
        )
    _check_prompt(parts.prompt_LX, config.text, config.text_tokens)


def _check_prompt(prompt_LX: Tensor | None, numbers: int, most: int) -> None:
    if not numbers:
        if prompt_LX is not None:
            raise ValueError("this net reads no text; give no prompt")
        return
    if prompt_LX is None:
        raise ValueError(f'this net reads text of {numbers} numbers a token; give its embedding of ""')
    if prompt_LX.ndim != 2 or prompt_LX.shape[1] != numbers or not 1 <= len(prompt_LX) <= most:
        raise ValueError(
            f"the prompt is {tuple(prompt_LX.shape)}, not (1 to {most} tokens, {numbers} numbers each)"
        )
    if not prompt_LX.isfinite().all():
        raise ValueError("the prompt holds NaN or infinite numbers; look at what encoded it")


def _check_video(parts: Networks, video_FHWC: np.ndarray) -> None:
    if (
        video_FHWC.dtype != np.uint8
        or video_FHWC.ndim != 4
        or video_FHWC.shape[3] != 3
        or not len(video_FHWC)
    ):
        raise ValueError(
            f"the video is {video_FHWC.dtype} {video_FHWC.shape}, not uint8 (frames, height, width, 3)"
        )
    height, width = video_FHWC.shape[1:3]
    side = pixels_per_latent(parts.vae) * parts.dit.config.patch
    if height % side or width % side or not height * width:
        raise ValueError(
            f"height and width have to divide by {side} (the VAE's {pixels_per_latent(parts.vae)}, the net's "
            f"{parts.dit.config.patch}), not {height}x{width}; crop or scale the video to "
            f"{max(side, height // side * side)}x{max(side, width // side * side)}"
        )


def _check_sound(parts: Networks, sound: np.ndarray) -> None:
    if sound.ndim != 1 or sound.dtype.kind != "f":
        raise ValueError(f"the sound is {sound.dtype} {sound.shape}, not one row of floats from -1 to 1")
    least = parts.dit.config.audio.window / FEATURES_HZ
    if len(sound) < least * RATE:
        raise ValueError(
            f"the sound lasts {len(sound) / RATE:.3f} s, and the net hears {least:.2f} s at once; give longer "
            "sound (models.audio.windows.padded_with_silence adds silence)"
        )
    if not np.isfinite(sound).all():
        raise ValueError(
            f"{(~np.isfinite(sound)).sum()} of {len(sound)} samples of the sound are not finite; decode it again"
        )


def checked_features(parts: Networks, heard_PA: np.ndarray) -> Tensor:
    """Returns the features of the sound as a tensor, or refuses them: before the first clip, not in it."""
    wanted = parts.dit.config.audio.features
    if heard_PA.ndim != 2 or heard_PA.shape[1] != wanted:
        raise ValueError(
            f"what is heard is {heard_PA.shape}, and the net wants (features, {wanted}); give the audio models "
            "it learnt with"
        )
    if not np.isfinite(heard_PA).all():
        raise ValueError("what is heard holds NaN or infinite numbers; run the audio models in 32 bits")
    return torch.from_numpy(np.ascontiguousarray(heard_PA, np.float32))
