"""Holds a DiT's sizes and options, and checks whether an input fits them."""

from dataclasses import dataclass

from models.dit.inputs import DitInput

LONGEST = 100
"""Features in a window that have a place of their own."""


@dataclass(frozen=True)
class AudioConfig:
    """Sizes of what embeds sound. Without layers it is one Linear, and width and heads mean nothing."""

    features: int
    window: int = 16
    layers: int = 0
    width: int = 1536
    heads: int = 24

    def __post_init__(self) -> None:
        _check_sizes(self, ("features", "window", "width", "heads"))
        if self.layers and (self.width % self.heads or self.window > LONGEST):
            raise ValueError(
                f"{self.heads} heads of {self.width} numbers that embed windows of {self.window}: a head has to have "
                f"a whole number of them, and {LONGEST} features have places"
            )


@dataclass(frozen=True)
class DitConfig:
    """Sizes and options of one DiT."""

    dim: int
    layers: int
    heads: int
    ffn: int
    channels: int
    """Of a latent."""
    audio: AudioConfig
    stacked: int = 1
    """Latents over one another in the input's channels: 2 for the generator and for the channel-concat editor."""
    text: int = 4096
    """Numbers of a text token; 0: no text cross-attention."""
    text_tokens: int = 512
    spatial: bool = False
    """2D attention within each frame before the 3D one."""
    patch: int = 2
    """Latents to a token's side."""
    frequencies: int = 256
    eps: float = 1e-6
    preconditioned: bool = False
    """Inputs and outputs are scaled by noise level and channel (models/dit/precondition.py): for nets trained from
    scratch, which learn in a fraction of the steps. Published weights learnt without."""
    reference_shift: int = 0
    """By how many tokens reference tokens lie beyond the target's in height and width, whatever the picture's size;
    0: by the picture's own size, as published weights learnt."""
    coarse_clock: bool = False
    """Times are rounded to bfloat16 before the sinusoid, whatever the net runs in: so the weights learnt them."""

    def __post_init__(self) -> None:
        _check_sizes(self, ("dim", "layers", "heads", "ffn", "channels", "stacked", "patch", "frequencies"))
        if self.dim % self.heads or (self.dim // self.heads) % 2 or self.dim // self.heads < 6:
            raise ValueError(
                f"{self.heads} heads of {self.dim} numbers: a head has to have an even number, from 6"
            )

    @property
    def rows(self) -> int:
        """How many rows modulate a block: shift, scale and gate of 3D attention, of the FFN, and then of 2D attention."""
        return 9 if self.spatial else 6


def _check_sizes(config: AudioConfig | DitConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}, and has to be 1 or more")


def check_shapes(sequence: DitInput, config: DitConfig) -> None:
    """Refuses an input that doesn't fit the net, from shapes alone, so that no GPU is waited for."""
    batch, channels, frames, height, width = sequence.latents_BCFHW.shape
    if channels != config.channels * config.stacked:
        raise ValueError(
            f"the sequence has {channels} channels, and this net takes {config.channels} x {config.stacked} "
            "(stacked=2 for the generator and the channel-concat editor)"
        )
    if frames != sum(sequence.frames) or sequence.frames[2] < 1:
        raise ValueError(f"{frames} latent frames are not {sequence.frames} of reference, motion and target")
    if height % config.patch or width % config.patch:
        raise ValueError(
            f"latents of {height}x{width} are no whole patches of {config.patch}x{config.patch}; crop or pad the video"
        )
    _check_audio(sequence, config, batch, frames - sequence.frames[0])
    _check_text(sequence, config, batch)


def _check_audio(sequence: DitInput, config: DitConfig, batch: int, frames: int) -> None:
    audio, wanted = sequence.audio_BFNA, (batch, frames, config.audio.window, config.audio.features)
    if audio is None or audio.shape == wanted:
        return
    if audio.ndim == 4 and audio.shape[1] < frames:
        raise ValueError(
            f"the sound lasts {audio.shape[1]} of {frames} latent frames; give longer sound, or fewer frames"
        )
    raise ValueError(
        f"audio features are {tuple(audio.shape)}, not {wanted}: clips, latent frames, window, features"
    )


def _check_text(sequence: DitInput, config: DitConfig, batch: int) -> None:
    text = sequence.text_BLX
    if (text is None) == bool(config.text):
        raise ValueError(
            f"this net reads text of {config.text} numbers a token; encode the empty prompt if there is none"
            if config.text
            else "this net reads no text; leave it out"
        )
    if text is None:
        return
    if text.shape[1] > config.text_tokens:
        raise ValueError(
            f"a prompt of {text.shape[1]} tokens is too long: {config.text_tokens} at most; shorten it"
        )
    if text.shape[::2] != (batch, config.text):
        raise ValueError(f"text is {tuple(text.shape)}, not {(batch, text.shape[1], config.text)}")
