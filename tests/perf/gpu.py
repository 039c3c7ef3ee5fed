"""What takes a GPU to be worth measuring: a training step of `1b`, and a dub by `wan2.2-5b-xdub`, beside plain code.

    python -m tests.perf.gpu            # or `make bench-gpu`; without a GPU it says so and measures nothing
    python -m tests.perf.gpu --small    # the same on any machine with nets of a few thousand numbers: does it run?

Shares are of a large bf16 matrix product measured in the same run. Weights are random: they cost what real ones cost.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.dit import flow
from models.dit.bench import SHAPES, Shape, counted_of, peak_of, quickest
from models.dit.conditions import Motion, Sequence, editor, generator, three_ways
from models.dit.config import AudioConfig, DitConfig
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, stacked
from tests.perf import plain_dit
from tests.perf.__main__ import console, table
from tests.perf.line import Line

TARGET, AHEAD = 0.5, 1.5
"""Of the peak, and over plain code."""
Net = Callable[[Sequence], Tensor]


@dataclass(frozen=True)
class Size:
    device: str
    dtype: torch.dtype
    batch: int
    """Clips of a training step."""
    steps: int
    """Of sampling."""
    presets: dict[str, DitConfig]
    shapes: dict[str, Shape]


def size(small: bool) -> Size:
    if not small:
        return Size("cuda", torch.bfloat16, 4, flow.STEPS, PRESETS, SHAPES)
    tiny = {"dim": 48, "layers": 1, "heads": 2, "ffn": 64, "text": 8, "text_tokens": 4}
    presets = {
        name: replace(PRESETS[name], **tiny, audio=AudioConfig(features=8, window=4))
        for name in ("1b", "wan2.2-5b-xdub")
    }
    return Size("cpu", torch.float32, 2, 2, presets, dict.fromkeys(presets, Shape(3, 4, "9 frames")))


def lines(here: Size) -> list[Line]:
    peak = peak_of(here.device, here.dtype)
    return [Line("bf16 peak, measured", peak / 1e12, " TFLOP/s"), *_training(here, peak), *_dub(here, peak)]


def _training(here: Size, peak: float) -> list[Line]:
    """The generator's: noise, forward, backward, AdamW, in bf16 all through."""
    config, shape = stacked(here.presets["1b"]), here.shapes["1b"]
    net = _net(config, here)
    adam = torch.optim.AdamW(net.parameters(), 1e-5, fused=here.device == "cuda")
    clip, audio, text = _inputs(config, shape, here)
    times, noise = torch.full((here.batch,), 0.5, device=here.device), torch.randn_like(clip)
    noised, masks = flow.noised(clip, noise, times.to(clip)), torch.ones_like(clip[:, 0], dtype=torch.float32)
    shown = generator(noised, clip, clip[:, :, 0], times, audio, text, Motion(clip[:, :, :2]))

    def step(predict: Net) -> None:
        flow.weighted_loss(predict(shown), flow.velocity(clip, noise), masks, masks).backward()
        adam.step()
        adam.zero_grad()

    ours = quickest(lambda: step(net), here.device, 3)
    theirs = quickest(lambda: step(lambda sequence: plain_dit.forward(net, sequence)), here.device, 3)
    done = 3 * counted_of(config, _one(shown)) * here.batch  # backward is two passes more
    return [
        Line("1b, training step", ours, " s", note=f"{here.batch} clips of {shape.said}"),
        Line("  share of the peak", done / ours / peak, at_least=TARGET),
        Line("  plain over it", theirs / ours, "x", at_least=AHEAD),
    ]


def _dub(here: Size, peak: float) -> list[Line]:
    """77 frames, all steps, three-way guidance as one batch."""
    config, shape = here.presets["wan2.2-5b-xdub"], here.shapes["wan2.2-5b-xdub"]
    net = _net(config, here).requires_grad_(False)
    clip, audio, text = _inputs(config, shape, replace(here, batch=1))
    noise = torch.randn_like(clip)

    def laid_out(z: Tensor, t: float) -> Sequence:
        times = torch.full((1,), t, device=here.device)
        return three_ways(lambda seen, heard: editor(z, seen, times, heard, text), clip, audio)

    def dub(predict: Net, steps: int) -> Tensor:
        def velocity(z: Tensor, t: float) -> Tensor:
            return flow.guided(predict(laid_out(z, t)), flow.reference_scale(t), flow.audio_scale(t))

        return flow.sample(velocity, noise, steps)

    ours = quickest(lambda: dub(net, here.steps), here.device, 1)
    # A step of plain code costs what any other does: one is enough, and its table of times fills the GPU.
    theirs = quickest(lambda: dub(lambda s: plain_dit.forward(net, s), 1), here.device, 1) * here.steps
    done = counted_of(config, _one(laid_out(clip, 0.5))) * 3 * here.steps
    return [
        Line("wan2.2-5b-xdub, a dub", ours, " s", note=f"{shape.said}, {here.steps} steps, three ways"),
        Line("  share of the peak", done / ours / peak, at_least=TARGET),
        Line("  plain over it", theirs / ours, "x", at_least=AHEAD),
    ]


def _net(config: DitConfig, here: Size) -> VideoDit:
    torch.manual_seed(0)
    with torch.device(here.device):
        return VideoDit(config).to(here.dtype)


def _inputs(config: DitConfig, shape: Shape, here: Size) -> tuple[Tensor, Tensor, Tensor]:
    def numbers(*sizes: int) -> Tensor:
        return torch.randn(here.batch, *sizes, device=here.device, dtype=here.dtype)

    audio = config.audio
    return (
        numbers(config.channels, shape.frames, shape.side, shape.side),
        numbers(shape.frames, audio.window, audio.features),
        numbers(1, config.text),
    )


def _one(sequence: Sequence) -> Sequence:
    """The first clip alone: what operations are counted of."""
    audio, text = sequence.audio_BFNA, sequence.text_BLX
    assert audio is not None
    assert text is not None
    return Sequence(sequence.latents_BCFHW[:1], sequence.frames, sequence.times_B3[:1], audio[:1], text[:1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.gpu", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--small", action="store_true", help="on the CPU, with tiny nets: only whether it runs"
    )
    small = parser.parse_args().small
    if not small and not torch.cuda.is_available():
        console.print("There is no GPU here, so nothing was measured; `--small` runs the same on tiny nets.")
        return 0
    found = lines(size(small))
    console.print(table({"gpu": found}))
    return 0 if small else int(any(line.missed for line in found))


if __name__ == "__main__":
    sys.exit(main())
