"""Dubs a video of any length as the public X-Dub checkpoint does: clip after clip in latents, decoded once.

Each clip is noise that the editor turns into the reference with other lips, guided by what it sees and hears. A clip
begins with the frames the one before it ended with, decoded, matched in colour and encoded anew: a clip's first latent
stands for one frame and looks at nothing before it, so latents out of the middle of another clip would not do. What
is left over at the end of the last clip is cut off; to fill it, the video turns back and the sound falls silent.

Latents are (1, C, F, H, W); video is F frames of H by W; A numbers a feature of the sound, N features a latent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.audio.windows import FPS, RATE, near_latents, padded
from models.dit.conditions import Motion, Sequence, editor, three_ways
from models.dit.flow import audio_scale, guided, reference_scale, sample, schedule
from models.dit.net import VideoDit
from models.dit.request import Parts, Settings, check, check_heard, spread_of
from models.dit.reuse import Reused
from models.vae import decode_tiled, decode_window, denormalised, encode_tiled, latents_of, normalised

SAME = 0.07
"""Pixels that differ by less from the reference (of 0..1) were not meant to change."""
MOST = 0.5
"""Of a frame has to be such, or it is another picture and not this one in other colours."""
NOISE = (1 / 255) ** 2
"""What deviations are not trusted below: a flat wall must not be stretched to the grain of another."""


@dataclass(frozen=True)
class Dubbed:
    video_FHWC: np.ndarray
    left_out: int
    """Steps taken without the net (`Settings.reuse`), of all clips."""
    error: float
    """How far off that may have led in latents, as a share of the way from noise: the worst clip's."""


def dub(
    parts: Parts,
    video_FHWC: np.ndarray,
    sound: np.ndarray,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dubbed:
    """uint8 at 25 fps in and out, as many frames as both video and sound have; the sound is 16 kHz mono.

    `progress` is told, after each step, how many are done and how many there will be.
    """
    settings = settings or Settings()
    frames = check(parts, video_FHWC, sound, settings)
    clips = settings.clips(frames)
    total = settings.clip + (clips - 1) * settings.advance
    sound = padded(sound, total)[: total * RATE // FPS].astype(np.float32)
    heard_PA = check_heard(parts, parts.hear(sound))
    reference_FHWC = video_FHWC[there_and_back(len(video_FHWC), total)]
    with torch.inference_mode():
        tick = _counted(progress, clips * settings.steps)
        z, paths = _all_clips(parts, reference_FHWC, heard_PA, settings, tick)
        made_FCHW = _pictures(decode_tiled(parts.vae, _to_vae(parts, z), settings.tile, _overlap(settings)))
        video_FHWC = np.stack([
            _as_bytes(matched(made_CHW, _as_picture(shown_HWC, made_CHW)))
            for made_CHW, shown_HWC in zip(made_FCHW[:frames], reference_FHWC, strict=False)
        ])  # fmt: skip
    return Dubbed(video_FHWC, sum(path.left_out for path in paths), max(path.error for path in paths))


def _all_clips(
    parts: Parts, video_FHWC: np.ndarray, heard_PA: Tensor, settings: Settings, tick: Callable[[], None]
) -> tuple[Tensor, list[Reused]]:
    """Noise is drawn on the CPU, in one stream: the same whatever runs the net, and new for each clip."""
    generator = torch.Generator().manual_seed(settings.seed)
    whole: Tensor | None = None
    motion: Tensor | None = None
    paths = []
    for start in range(0, len(video_FHWC) - settings.motion, settings.advance):
        some_FHWC = video_FHWC[start : start + settings.clip]
        reference = encoded(parts, as_video(some_FHWC), settings)
        audio_1FNA = _windows(parts, heard_PA, start, settings).to(reference)
        noise = torch.randn(reference.shape, generator=generator).to(reference)
        z, path = edited(parts, reference, audio_1FNA, noise, settings, motion, tick)
        paths.append(path)
        whole = z if whole is None or motion is None else joined(whole, z, motion.shape[2])
        if start + settings.clip < len(video_FHWC):
            motion = ending(parts, z, some_FHWC, settings)
    assert whole is not None, "a video has one clip at least"
    return whole, paths


def edited(
    parts: Parts,
    reference: Tensor,
    audio_1FNA: Tensor,
    noise: Tensor,
    settings: Settings,
    motion: Tensor | None = None,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Reused]:
    """The latents of one clip, and how they were come by.

    In 32 bits whatever the net runs in: thirty steps add up what rounding loses.
    """

    def predict(z: Tensor, t: float) -> Tensor:
        _switch_experts(parts.dit, t)
        three = velocities(parts, z, t, reference, audio_1FNA, motion, settings.batched)
        velocity = guided(three, reference_scale(t, settings.reference), audio_scale(t, settings.audio))
        # What is held goes nowhere, and says nothing of how well the rest can be guessed.
        velocity[:, :, : 0 if motion is None else motion.shape[2]] = 0
        return velocity

    path = Reused(predict, schedule(settings.steps, settings.shift), settings.reuse)

    def step(z: Tensor, t: float) -> Tensor:
        velocity = path(z, t)
        tick()
        return velocity

    border = reference if settings.border else None
    z = sample(step, noise, settings.steps, settings.shift, motion, border)
    _switch_experts(parts.dit, 1)
    return z, path


def velocities(
    parts: Parts,
    z: Tensor,
    t: float,
    reference: Tensor,
    audio_1FNA: Tensor,
    motion: Tensor | None,
    batched: bool,
) -> Tensor:
    """Of nothing, of the reference, of reference and sound, at time t."""
    three = shown(parts, z, t, reference, audio_1FNA, motion)
    if batched:
        return parts.dit(three).to(z)
    return torch.cat([parts.dit(_only(three, one)).to(z) for one in range(3)])


def shown(
    parts: Parts, z: Tensor, t: float, reference: Tensor, audio_1FNA: Tensor, motion: Tensor | None
) -> Sequence:
    """To the net at time t: three clips, for guidance."""
    kind = next(parts.dit.parameters())
    prompt_LX = parts.prompt_LX
    text_1LX = None if prompt_LX is None else prompt_LX[None].to(kind)
    given = None if motion is None else Motion(motion.to(kind))
    times_1 = torch.tensor([t], device=kind.device)

    def make(seen: Tensor, heard_1FNA: Tensor) -> Sequence:
        return editor(z.to(kind), seen, times_1, heard_1FNA, text_1LX, given)

    return three_ways(make, reference.to(kind), audio_1FNA.to(kind))


@torch.inference_mode()
def halfway(parts: Parts, video_FHWC: np.ndarray, sound: np.ndarray, settings: Settings) -> Sequence:
    """What the net is shown in the middle of the first clip: to try it out on (`quick.narrowed`)."""
    check(parts, video_FHWC, sound, settings)
    heard_PA = check_heard(parts, parts.hear(padded(sound, settings.clip).astype(np.float32)))
    reference = encoded(parts, as_video(video_FHWC[there_and_back(len(video_FHWC), settings.clip)]), settings)
    noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(settings.seed)).to(reference)
    audio_1FNA = _windows(parts, heard_PA, 0, settings).to(reference)
    return shown(parts, (reference + noise) / 2, 0.5, reference, audio_1FNA, None)


def _switch_experts(dit: VideoDit, t: float) -> None:
    """Of a net that has some. Those of nets that have none need not wait for peft to be imported."""
    if hasattr(dit, "peft_config"):
        from models.dit import experts

        experts.at(dit, t)


def joined(before: Tensor, after: Tensor, motion: int) -> Tensor:
    """Of the `motion` latents that clips share, all but the first stand for the same frames in both: their mean.

    The first of `after` stands for one frame that `before` has among four.
    """
    shared = motion - 1
    keep = before.shape[2] - shared
    middle = (before[:, :, keep:] + after[:, :, 1:motion]) / 2
    return torch.cat([before[:, :, :keep], middle, after[:, :, motion:]], 2)


def matched(made_CHW: Tensor, reference_CHW: Tensor) -> Tensor:
    """The reference's mean and deviation in each channel, both of 0..1.

    Each clip begins with what the VAE made of the one before it, and small errors of colour would add up. It is
    done on pixels, frame by frame: there it can be told which of them were meant to stay as they were (a mouth that
    opens makes no picture darker), and light that changes in the reference is followed.
    """
    same_HW = (made_CHW - reference_CHW).abs().mean(0) < SAME
    if same_HW.float().mean() < MOST:
        return made_CHW
    made_CN, wanted_CN = made_CHW[:, same_HW], reference_CHW[:, same_HW]
    scale_C = ((wanted_CN.var(1) + NOISE) / (made_CN.var(1) + NOISE)).sqrt()
    centred_CHW = made_CHW - made_CN.mean(1)[:, None, None]
    return centred_CHW * scale_C[:, None, None] + wanted_CN.mean(1)[:, None, None]


def there_and_back(frames: int, total: int) -> np.ndarray:
    """Places of `total` frames in a video that turns round at its ends."""
    return np.abs((np.arange(total) + frames - 1) % max(2 * frames - 2, 1) - (frames - 1))


def encoded(parts: Parts, video_1CFHW: Tensor, settings: Settings) -> Tensor:
    """-1..1 into the DiT's latents."""
    kind = next(parts.vae.parameters())
    z = encode_tiled(parts.vae, video_1CFHW.to(kind), settings.tile, _overlap(settings))
    return normalised(parts.vae, z.float())


def as_video(video_FHWC: np.ndarray) -> Tensor:
    return torch.from_numpy(video_FHWC).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def ending(parts: Parts, z: Tensor, reference_FHWC: np.ndarray, settings: Settings) -> Tensor:
    """Latents of the frames that a clip ends with, which begin the next."""
    count = latents_of(settings.motion)
    made = decode_window(parts.vae, _to_vae(parts, z), z.shape[2] - count, count)
    made_FCHW = _pictures(made)[-settings.motion :]
    shown_FHWC = reference_FHWC[-settings.motion :]
    frames = [
        matched(made_CHW, _as_picture(shown_HWC, made_CHW)).clamp(0, 1)
        for made_CHW, shown_HWC in zip(made_FCHW, shown_FHWC, strict=True)
    ]
    return encoded(parts, torch.stack(frames, 1)[None] * 2 - 1, settings)


def _windows(parts: Parts, heard_PA: Tensor, start: int, settings: Settings) -> Tensor:
    near_FN = near_latents(
        start, latents_of(settings.clip), len(heard_PA), spread_of(parts.dit.config.audio.window)
    )
    return heard_PA[torch.from_numpy(near_FN)][None]


def _only(sequence: Sequence, one: int) -> Sequence:
    audio, text, here = sequence.audio_BFNA, sequence.text_BLX, slice(one, one + 1)
    return Sequence(
        sequence.latents_BCFHW[here],
        sequence.frames,
        sequence.times_B3[here],
        None if audio is None else audio[here],
        None if text is None else text[here],
    )


def _to_vae(parts: Parts, z: Tensor) -> Tensor:
    return denormalised(parts.vae, z).to(next(parts.vae.parameters()))


def _pictures(video_1CFHW: Tensor) -> Tensor:
    """(F, C, H, W), 0..1 but for what the VAE overshoots."""
    return video_1CFHW[0].transpose(0, 1).float() / 2 + 0.5


def _as_picture(frame_HWC: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(frame_HWC).to(like).permute(2, 0, 1) / 255


def _as_bytes(picture_CHW: Tensor) -> np.ndarray:
    return (picture_CHW.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def _overlap(settings: Settings) -> int:
    return settings.tile // 4


def _counted(progress: Callable[[int, int], None] | None, steps: int) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, steps)

    return tick
