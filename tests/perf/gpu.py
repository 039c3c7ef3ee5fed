"""What takes a GPU to be worth measuring: steps of the generator's and the editor's trainings, and a dub.

    python -m tests.perf.gpu            # or `make bench-gpu`; without a GPU it says so and measures nothing
    python -m tests.perf.gpu --small    # the same on any machine with nets of a few thousand numbers: does it run?

The generator is `1b`, the dub is by `wan2.2-5b-xdub`. Shares are of a large bf16 matrix product measured in the same
run. Weights are random: they cost what real ones cost.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from infra import sharding
from infra.zero import Sharding
from models.dit import flow
from models.dit.config import AudioConfig, DitConfig
from models.dit.cost import SHAPES, Shape, counted_of, example, peak_of, quickest
from models.dit.inputs import DitInput, Motion, editor_input, generator_input, guidance_batch
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, stacked
from models.dit.speedup import Replayed, compiled, fused, in_float8, use_flash_attention_3
from tasks.training.chance import chance
from tasks.training.generator import Generator
from tasks.training.optimizers import make_optimizer
from tasks.training.recipe import GeneratorRecipe, Optimizer
from tests.perf import gpu_editor, plain_dit
from tests.perf.__main__ import console, table
from tests.perf.line import Line

TARGET, AHEAD = 0.5, 1.5
"""Of the peak, and over plain code."""
Net = Callable[[DitInput], Tensor]


@dataclass(frozen=True)
class Size:
    device: str
    dtype: torch.dtype
    batch: int
    """Clips of a training step; halved until they fit."""
    steps: int
    """Of sampling."""
    presets: dict[str, DitConfig]
    shapes: dict[str, Shape]
    training: Shape
    """A clip of a training step."""
    beside: Shape
    """A clip that plain code can learn from: it keeps all of attention."""
    compiles: bool = True
    """Minutes on a CPU."""


def size(small: bool) -> Size:
    if not small:
        long, short = Shape(20, 64, "77 frames of 512x512"), Shape(3, 64, "9 frames of 512x512")
        return Size("cuda", torch.bfloat16, 8, flow.STEPS, PRESETS, SHAPES, long, short)
    tiny = {"dim": 48, "layers": 1, "heads": 2, "ffn": 64, "text": 8, "text_tokens": 4}
    presets = {
        name: replace(PRESETS[name], **tiny, audio=AudioConfig(features=8, window=4))
        for name in ("1b", "wan2.2-5b-xdub")
    }
    shape = Shape(3, 4, "9 frames")
    return Size("cpu", torch.float32, 2, 2, presets, dict.fromkeys(presets, shape), shape, shape)


def lines(here: Size) -> list[Line]:
    peak = peak_of(here.device, here.dtype)
    flash = "FlashAttention 3" if use_flash_attention_3() else "PyTorch's own attention"
    return [
        Line("peak, measured", peak / 1e12, " TFLOP/s", note=flash),
        *_training(here, peak),
        *gpu_editor.lines(here.device, here.dtype, here.presets["1b"], here.training, peak, here.compiles),
        *_dub(here, peak),
        *([_replayed(here)] if here.device == "cuda" else []),
    ]


def _training(here: Size, peak: float) -> list[Line]:
    """The generator's recipe, as the loop takes a step: chance, noise, forward, backward, AdamW in fp32."""
    config, shape = stacked(here.presets["1b"]), here.training
    batch, ours = _fitting(here, lambda batch: _step_seconds(here, shape, batch, here.compiles))
    fewer, eager = _fitting(here, lambda batch: _step_seconds(here, shape, batch, False))
    beside = _step_seconds(here, here.beside, 1, here.compiles)
    plain = _step_seconds(here, here.beside, 1, False, plain_dit.forward)
    done = 3 * counted_of(config, _shown(config, shape, here)) * batch  # backward is two passes more
    return [
        Line("1b, training step", ours, " s", note=f"{batch} clips of {shape.said}"),
        Line(
            "  share of the peak", done / ours / peak, at_least=TARGET, note="what is recomputed not counted"
        ),
        Line("  plain over it", plain / beside, "x", at_least=AHEAD, note=f"a clip of {here.beside.said}"),
        Line("  not compiled over it", eager / fewer / (ours / batch), "x", note="a clip"),
    ]


def _fitting(here: Size, seconds: Callable[[int], float]) -> tuple[int, float]:
    """The largest batch that a GPU holds, of the first one's halves, and its seconds."""
    batch = here.batch
    while True:
        try:
            return batch, seconds(batch)
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()


def _step_seconds(
    here: Size, shape: Shape, count: int, compiles: bool, forward: Callable[..., Tensor] | None = None
) -> float:
    """Through the product's own loss, optimizer and precision; `forward` stands in for the network's own."""
    adam = Optimizer(kind="adamw", rate=1e-5)
    recipe = GeneratorRecipe(
        preset="1b", batch=count, frames=4 * shape.frames - 3, optimizer=adam, compiled=compiles, recompute=not forward
    )  # fmt: skip
    objective = Generator(recipe)
    objective.config = stacked(here.presets["1b"])
    windows = _Windows(objective.config, shape)
    sharding.begin()
    try:
        kind = Sharding(dtype="bf16" if here.dtype == torch.bfloat16 else "fp32")
        net = objective.build(windows, torch.device(here.device))
        if forward:
            net.forward = partial(forward, net)
        sharded = sharding.shard(net, partial(make_optimizer, adam), kind)
        batch = {key: one.to(here.device) for key, one in windows.__getitems__(list(range(count))).items()}

        def step() -> None:
            chances = [chance(0, 0, place) for place in range(count)]
            sharded.backward(objective.loss(sharded.module, batch, chances).value)
            sharded.step(adam.longest)

        return quickest(step, here.device, 3)
    finally:
        sharding.end()


class _Windows:
    """Latents of random numbers, with text."""

    def __init__(self, config: DitConfig, shape: Shape):
        self.config, self.shape = config, shape
        self.ids = ["random"]

    def __len__(self) -> int:
        return 1

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor]:
        count, shape, audio = len(indices), self.shape, self.config.audio
        video = (count, self.config.channels, shape.frames, shape.side, shape.side)
        ones = torch.ones(count, *video[2:])
        return {
            "target_BCFHW": torch.randn(video), "masked_BCFHW": torch.randn(video),
            "reference_BCHW": torch.randn(count, video[1], *video[3:]), "face_BFHW": ones, "lips_BFHW": ones,
            "audio_BFNA": torch.randn(count, shape.frames, audio.window, audio.features),
            "text_BLX": torch.randn(count, 1, self.config.text),
        }  # fmt: skip


def _shown(config: DitConfig, shape: Shape, here: Size) -> DitInput:
    """What the generator is shown of one clip in training: what operations are counted of."""
    clip, audio, text = _inputs(config, shape, replace(here, batch=1, device="cpu"))
    times = torch.full((1,), 0.5)
    return generator_input(clip, clip, clip[:, :, 0], times, audio, text, Motion(clip[:, :, :2]))


def _dub(here: Size, peak: float) -> list[Line]:
    """77 frames, all steps, three-way guidance as one batch; what does not change the result, then what does."""
    config, shape = here.presets["wan2.2-5b-xdub"], here.shapes["wan2.2-5b-xdub"]
    net = _net(config, here).requires_grad_(False)
    clip, audio, text = _inputs(config, shape, replace(here, batch=1))
    noise = torch.randn_like(clip)

    def laid_out(z: Tensor, t: float) -> DitInput:
        times = torch.full((1,), t, device=here.device)
        return guidance_batch(lambda seen, heard: editor_input(z, seen, times, heard, text), clip, audio)

    def velocity(predict: Net) -> Callable[[Tensor, float], Tensor]:
        return lambda z, t: flow.guided(predict(laid_out(z, t)), flow.reference_scale(t), flow.audio_scale(t))

    def a_step(predict: Net) -> float:
        """What is compared only: a step costs what any other does, and the plain net's table of times fills a GPU."""
        given = laid_out(clip, 0.5)
        with torch.inference_mode():
            return quickest(lambda: predict(given), here.device, 3)

    theirs, eager = a_step(lambda sequence: plain_dit.forward(net, sequence)), a_step(net)
    three = a_step(fused(net))
    if here.compiles:
        compiled(net)
    with torch.inference_mode():
        ours = quickest(lambda: flow.sample(velocity(net), noise, here.steps), here.device, 1)
    step = a_step(net)
    change = in_float8(net, laid_out(clip, 0.5), most=1)
    narrow = a_step(net)
    done = counted_of(config, _one(laid_out(clip, 0.5))) * 3 * here.steps
    return [
        Line("wan2.2-5b-xdub, a dub", ours, " s", note=f"{shape.said}, {here.steps} steps, three ways"),
        Line("  share of the peak", done / ours / peak, at_least=TARGET),
        Line("  plain over it, a step", theirs / step, "x", at_least=AHEAD),
        Line("  not compiled over it, a step", eager / step, "x"),
        Line("  three products for q, k, v over one, a step", eager / three, "x", note="not compiled"),
        Line("  bf16 over float8, a step", step / narrow, "x", note=f"changes a velocity by {change:.3f}"),
    ]


def _replayed(here: Size) -> Line:
    """The mini net is so small that starting its kernels is most of the time."""
    net, given = _net(PRESETS["mini"], here), example("mini", here.device, here.dtype, 3)
    with torch.inference_mode():
        started, replayed = (
            quickest(lambda one=one: one(given), here.device, 5) for one in (net, Replayed(net))
        )
    return Line("mini, a pass over a replayed one", started / replayed, "x")


def _net(config: DitConfig, here: Size) -> VideoDit:
    torch.manual_seed(0)
    with torch.device(here.device):
        net = VideoDit(config).to(here.dtype)
    for parameter in net.parameters():
        if not parameter.any():  # a new net answers 0, of which no change can be told
            torch.nn.init.normal_(parameter, std=0.02)
    return net


def _inputs(config: DitConfig, shape: Shape, here: Size) -> tuple[Tensor, Tensor, Tensor]:
    def numbers(*sizes: int) -> Tensor:
        return torch.randn(here.batch, *sizes, device=here.device, dtype=here.dtype)

    audio = config.audio
    return (
        numbers(config.channels, shape.frames, shape.side, shape.side),
        numbers(shape.frames, audio.window, audio.features),
        numbers(1, config.text),
    )


def _one(sequence: DitInput) -> DitInput:
    """The first clip alone: what operations are counted of."""
    audio, text = sequence.audio_BFNA, sequence.text_BLX
    assert audio is not None
    assert text is not None
    return DitInput(sequence.latents_BCFHW[:1], sequence.frames, sequence.times_B3[:1], audio[:1], text[:1])


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
