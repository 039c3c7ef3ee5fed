"""Sampling of nets that always see a companion: by hand, several at once, with experts, and laid over one another."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from models.dit import experts
from models.dit.flow import schedule
from models.dit.inputs import Motion, editor_input
from models.dit.presets import stacked
from models.dubbing.request import Settings
from models.dubbing.sampling import Editor, edited_clip
from tests.models.dit.expert_nets import TINY, net_of, with_experts

pytestmark = pytest.mark.usefixtures("one_thread")
MUTE = replace(TINY, text=0)
SOUND = Settings(clip=9, motion=5, steps=3, shift=4.0, reference=0.0, audio=3.5, border=False)


def some_clips(count: int):
    """Companions, sounds and noises of three latents."""
    chance = torch.Generator().manual_seed(count)
    companion, noise = torch.randn(2, count, 3, 3, 4, 4, generator=chance)
    return companion, torch.randn(count, 3, 4, 6, generator=chance), noise


@torch.no_grad()
@pytest.mark.parametrize("moved", [False, True])
def test_without_guidance_by_sight_the_net_is_asked_twice_a_step(moved):
    net, (companion, sound, z) = net_of(MUTE), some_clips(1)
    before = torch.randn(1, 3, 2, 4, 4, generator=torch.Generator().manual_seed(7)) if moved else None
    made, _ = edited_clip(Editor(net), companion, sound, z, SOUND, before)
    motion = None if before is None else Motion(before)
    times = schedule(3, 4.0)
    for t, after in pairwise(times):
        heard, seen = (
            net(editor_input(z, companion, torch.tensor([t]), some, motion=motion))
            for some in (sound, torch.zeros_like(sound))
        )
        z = z + (after - t) * (seen + 3.5 * t**1.5 * (heard - seen))
        if before is not None:
            z = torch.cat([before, z[:, :, 2:]], 2)
    torch.testing.assert_close(made, z, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("settings", [SOUND, replace(SOUND, batched=False), replace(SOUND, reference=2.5)])
def test_clips_at_once_are_the_same_as_each_alone(settings):
    net, (companion, sound, noise) = net_of(), some_clips(3)
    prompt_LX = torch.randn(4, 7, generator=torch.Generator().manual_seed(3))
    once, _ = edited_clip(Editor(net, prompt_LX), companion, sound, noise, settings)
    each = [
        edited_clip(
            Editor(net, prompt_LX), *(some[n : n + 1] for some in (companion, sound, noise)), settings
        )[0]
        for n in range(3)
    ]
    torch.testing.assert_close(once, torch.cat(each), atol=1e-4, rtol=1e-3)
    assert (once[0] - once[1]).abs().mean() > 0.01


class Wrapped(torch.nn.Module):
    """As autocast and DeepSpeed do."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, sequence):
        return self.inner(sequence)


@torch.no_grad()
@pytest.mark.parametrize("before", [None, "lip", "texture"])
def test_what_was_on_before_is_on_again_and_learns_on(before):
    net, (companion, sound, noise) = with_experts("lip", "texture"), some_clips(1)
    learning = [] if before is None else experts.parameters_to_train(net, before)
    on: list[tuple[float, str | None]] = []
    net.register_forward_pre_hook(
        lambda own, given: on.append((given[0].times_B3[0, 2].item(), experts.active(own)))
    )
    parts = Editor(Wrapped(net), torch.zeros(1, 7))
    edited_clip(parts, companion, sound, noise, replace(SOUND, steps=8, shift=1.0))
    assert [(t, name) for t, name in on if name] == [(0.5, "lip"), (0.25, "texture"), (0.125, "texture")]
    assert len(on) == 8
    assert experts.active(net) == before
    assert {id(one) for one in net.parameters() if one.requires_grad} == {id(one) for one in learning}
    with pytest.raises(ValueError, match="NaN"):
        edited_clip(parts, companion, sound * torch.nan, noise, SOUND)
    assert experts.active(net) == before, "after an error, too"


@torch.no_grad()
def test_a_net_that_takes_the_companion_over_the_noise_is_sampled_as_well():
    net, (companion, sound, noise) = net_of(stacked(MUTE)), some_clips(2)
    told = []
    net.register_forward_pre_hook(lambda _, given: told.append(given[0]))
    made, _ = edited_clip(Editor(net), companion, sound, noise, replace(SOUND, steps=1))
    assert made.shape == noise.shape
    assert told[0].frames == (0, 0, 3)
    assert torch.equal(told[0].latents_BCFHW[:2, :3], companion), "the companion's channels come first"
    heard, seen = (
        net(editor_input(noise, companion, torch.ones(2), some, over=True))
        for some in (sound, torch.zeros_like(sound))
    )
    torch.testing.assert_close(made, noise - (seen + 3.5 * (heard - seen)), atol=1e-4, rtol=1e-4)
