"""Steps of the editor's trainings on a GPU: all of `1b` on pairs, and its lip expert with pictures decoded for SyncNet.

Networks are of the published sizes (Wan 2.1's VAE, SyncNet), with random weights: they cost what real ones cost.
"""

from functools import partial

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from infra import sharding
from infra.zero import Sharding
from models.dit.config import DitConfig
from models.dit.cost import Shape, counted_of, quickest
from models.dit.inputs import DitInput, Motion, editor_input
from models.dit.net import VideoDit
from models.sync.net import MINI, Net, Sizes
from models.vae import pixels_per_latent
from tasks.training.chance import chance
from tasks.training.dit import DitTraining
from tasks.training.editor.lip import Lip
from tasks.training.editor.recipe import LipRecipe, StructureRecipe
from tasks.training.editor.structure import Structure
from tasks.training.optimizers import make_optimizer
from tasks.training.recipe import Optimizer
from tests.perf.line import Line

ADAM = Optimizer(kind="adamw", rate=1e-5)
BATCHES = {"structure": 4, "lip": 1}
TINY_VAE = {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}


def lines(
    device: str, dtype: torch.dtype, config: DitConfig, shape: Shape, peak: float, compiles: bool
) -> list[Line]:
    """Seconds, memory and share of the peak of a step of each kind."""
    found = []
    for phase, batch in BATCHES.items():
        here = partial(_step, phase, device, dtype, config, shape, batch, compiles)
        seconds, memory = here()
        done = 3 * batch * counted_of(config, _shown(config, shape))  # the dit alone
        found += [
            Line(f"1b, {phase} step", seconds, " s", note=f"{batch} clips of {shape.said}"),
            Line("  share of the peak", done / seconds / peak, note="decoder and teacher not counted"),
        ]
        found += [Line("  memory at the most", memory / 2**30, " GiB")] if memory else []
    return found


def _step(
    phase: str, device: str, dtype: torch.dtype, config: DitConfig, shape: Shape, batch: int, compiles: bool
) -> tuple[float, int]:
    """Through the product's own loss, optimizer and precision."""
    small = device == "cpu"
    objective, net = (
        _structure(config, shape, compiles) if phase == "structure" else _lip(config, shape, small)
    )
    objective.device = torch.device(device)
    sharding.begin()
    try:
        kind = Sharding(dtype="bf16" if dtype == torch.bfloat16 else "fp32")
        sharded = sharding.shard(objective.ready(net), partial(make_optimizer, ADAM), kind)
        given = {key: one.to(device) for key, one in _batch(config, shape, batch, objective).items()}

        def step() -> None:
            chances = [chance(0, 0, place) for place in range(batch)]
            sharded.backward(objective.loss(sharded.module, given, chances).value)
            sharded.step(ADAM.longest)

        return quickest(step, device, 3), 0 if small else torch.cuda.max_memory_allocated()
    finally:
        sharding.end()


def _structure(config: DitConfig, shape: Shape, compiles: bool) -> tuple[DitTraining, VideoDit]:
    recipe = StructureRecipe(preset="1b", frames=4 * shape.frames - 3, compiled=compiles, recompute=True)
    objective = Structure(recipe)
    objective.config = config
    return objective, VideoDit(config)


def _lip(config: DitConfig, shape: Shape, small: bool) -> tuple[DitTraining, VideoDit]:
    """Of a clip as short as a small one, two latents are decoded."""
    part = min(4, shape.frames - 1)
    recipe = LipRecipe(
        preset="1b", frames=4 * shape.frames - 3, motion=1, part=part, init="random", recompute=True
    )
    objective = Lip(recipe)
    objective.config = config
    net = objective.with_expert(VideoDit(config))
    objective.vae = AutoencoderKLWan(**(TINY_VAE if small else {})).requires_grad_(False)
    sizes = MINI if small else Sizes()
    objective.teacher = (Net(sizes).eval().requires_grad_(False), sizes)
    if not small:
        objective.vae.cuda()
        objective.teacher[0].cuda()
    return objective, net


def _batch(config: DitConfig, shape: Shape, count: int, objective: DitTraining) -> dict[str, Tensor]:
    frames, video = 4 * shape.frames - 3, (count, config.channels, shape.frames, shape.side, shape.side)
    pixels = shape.side * (pixels_per_latent(objective.vae) if isinstance(objective, Lip) else 8)
    five_52 = torch.tensor([[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]]) * pixels
    ones = torch.ones(count, *video[2:])
    return {
        "target_BCFHW": torch.randn(video), "companion_BCFHW": torch.randn(video),
        "face_BFHW": ones, "lips_BFHW": ones,
        "audio_BFNA": torch.randn(count, shape.frames, config.audio.window, config.audio.features),
        "text_BLX": torch.randn(count, 1, config.text),
        "five_BF52": five_52.expand(count, frames, 5, 2), "mfcc_BCT": torch.randn(count, 13, 4 * frames),
    }  # fmt: skip


def _shown(config: DitConfig, shape: Shape) -> DitInput:
    """What the editor is shown of one clip: what operations are counted of."""
    clip = torch.randn(1, config.channels, shape.frames, shape.side, shape.side)
    audio = torch.randn(1, shape.frames, config.audio.window, config.audio.features)
    text, times = torch.randn(1, 1, config.text), torch.full((1,), 0.5)
    return editor_input(clip, clip, times, audio, text, Motion(clip[:, :, :1]))
