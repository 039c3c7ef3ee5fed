"""What the experts' teachers say: right frames, right signs, gradients that recomputing does not change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.dit import flow
from models.dit.inputs import DitInput
from models.sync.syncnet import SyncNet, places
from models.vae import decode, decode_window, denormalised
from tasks.training.chance import chance
from tasks.training.dit import Drawn, Predicted
from tasks.training.editor.decoding import beginnings, decoded_part, frames_of_part, guessed
from tasks.training.editor.lip import Lip, view_of
from tasks.training.editor.texture import Texture
from tasks.training.problems import Stop
from tests.tasks.training.editor.chance_syncnet import chance_syncnet
from tests.tasks.training.editor.toys import recipe_of

PART = 4


@pytest.fixture
def lip(editor) -> Lip:
    return Lip(recipe_of("lip", editor))


@pytest.fixture
def texture(editor) -> Texture:
    return Texture(recipe_of("texture", editor))


def said(batch, wrong_BCFHW, t=0.5, motion=(0, 0)) -> Predicted:
    """As if a net had been asked, and its velocity were so far off."""
    target = batch["target_BCFHW"]
    count = len(target)
    noise, t_B = (
        torch.randn(target.shape, generator=torch.Generator().manual_seed(0)),
        torch.full((count,), t),
    )
    velocity = flow.velocity(target, noise)
    times_B3 = torch.stack([torch.zeros(count), t_B * torch.tensor([not one for one in motion]), t_B], 1)
    sequence = DitInput(target, (0, 2, 5), times_B3, None, heard_B=torch.tensor([False] * count))
    return Predicted(batch, Drawn(t_B, noise, None), sequence, velocity, velocity + wrong_BCFHW)


def test_the_guess_is_the_target_less_what_is_wrong_by_the_time_and_at_most_six_tenths(pairs):
    batch = pairs.__getitems__([0, 1])
    wrong = torch.ones_like(batch["target_BCFHW"])
    for t, by in ((0.25, 0.25), (0.6, 0.6), (0.95, 0.6)):
        made = guessed(said(batch, wrong, t))
        assert torch.allclose(made, batch["target_BCFHW"] - by, atol=1e-6)
    made = guessed(said(batch, wrong, 0.5, motion=(1, 0)))
    assert torch.equal(made[0, :, :2], batch["target_BCFHW"][0, :, :2])
    assert torch.allclose(made[1, :, :2], batch["target_BCFHW"][1, :, :2] - 0.5, atol=1e-6)


def test_four_latents_anywhere_are_the_thirteen_frames_that_the_whole_clip_has_there(lip, pairs):
    z_CFHW = pairs.__getitems__([2])["target_BCFHW"][0]
    whole_3FHW = decode(lip.vae, denormalised(lip.vae, z_CFHW[None]))[0]
    for first in range(4):
        part = decoded_part(lip.vae, z_CFHW, first, PART)
        frames = frames_of_part(first, PART)
        assert part.shape[1] == frames.stop - frames.start == 13
        assert torch.allclose(part, whole_3FHW[:, frames], atol=1e-4)


def test_no_part_begins_in_what_was_given_clean_and_all_others_come(pairs):
    batch = pairs.__getitems__([0, 1])
    predicted = said(batch, torch.zeros_like(batch["target_BCFHW"]), motion=(1, 0))
    drawn = [beginnings(predicted, PART, [chance(0, step, place) for place in (0, 1)]) for step in range(60)]
    assert {one[0] for one in drawn} == {2, 3}
    assert {one[1] for one in drawn} == {0, 1, 2, 3}


def test_the_gradient_is_the_same_where_pictures_are_decoded_again(lip, pairs):
    batch = pairs.__getitems__([0])
    five, mfcc, frames = batch["five_BF52"][0], batch["mfcc_BCT"][0], frames_of_part(2, PART)
    gradients = []
    for recompute in (False, True):
        z_CFHW = batch["target_BCFHW"][0].clone().requires_grad_()
        loss = lip.out_of_sync(decoded_part(lip.vae, z_CFHW, 2, PART, recompute), five, mfcc, frames)
        loss.backward()
        gradients.append(z_CFHW.grad)
    once, again = gradients
    assert once.abs().max() > 0
    assert torch.allclose(once, again, rtol=1e-4, atol=1e-8)
    assert not once[:, :2].any(), "latents before the part are its past, and learn nothing"
    assert all(bool(once[:, latent].any()) for latent in range(2, 6))


def test_no_more_is_decoded_than_syncnet_looks_at_and_the_loss_and_gradient_are_those_of_all(lip, pairs):
    batch = pairs.__getitems__([0])
    five, mfcc, first = batch["five_BF52"][0], batch["mfcc_BCT"][0], 2
    found = []
    for view in (False, True):
        z_CFHW = batch["target_BCFHW"][0].clone().requires_grad_()
        whole = decoded_part(lip.vae, z_CFHW, first, PART)
        frames = frames_of_part(first, PART)
        loss = lip.loss_of(z_CFHW, first, five, mfcc) if view else lip.out_of_sync(whole, five, mfcc, frames)
        loss.backward()
        found.append((float(loss.detach()), z_CFHW.grad))
    (loss, gradient), (of_view, by_view) = found
    assert of_view == pytest.approx(loss, rel=1e-4)
    assert float((by_view - gradient).norm() / gradient.norm()) < 1e-3
    seen = view_of(places(five.numpy()), lip.teacher[1], *whole.shape[-2:])
    assert np.prod([end - start for start, end in seen]) < 0.6 * whole[0, 0].numel()


def test_the_loss_of_lips_is_what_syncnet_says_of_the_same_pictures(lip, pairs):
    """By the network and the crops that judge finished clips, and a softmax worked out here."""
    batch = pairs.__getitems__([0])
    frames = frames_of_part(2, PART)
    video_3FHW = decode(lip.vae, denormalised(lip.vae, batch["target_BCFHW"]))[0].clamp(-1, 1)
    rgb_FHWC = ((video_3FHW.permute(1, 2, 3, 0) + 1) * 127.5).round().byte().numpy()
    judge = SyncNet("mini:syncnet")
    lips_ND = judge.lips(rgb_FHWC, batch["five_BF52"][0].numpy())[frames.start : frames.stop - 4]
    pieces = batch["mfcc_BCT"][0].unfold(1, 20, 4).transpose(0, 1)
    with torch.no_grad():
        sound_MD = judge.net.sound(pieces).numpy()
    near_NM = -np.linalg.norm(lips_ND[:, None] - sound_MD[None], axis=-1)
    own_N = near_NM[np.arange(9), frames.start + np.arange(9)]
    by_hand = float((np.log(np.exp(near_NM).sum(1)) - own_N).mean())
    said_ = lip.out_of_sync(video_3FHW[:, frames], batch["five_BF52"][0], batch["mfcc_BCT"][0], frames)
    assert float(said_) == pytest.approx(by_hand, rel=0.02)


def test_true_lips_cost_less_than_those_of_another_sound(lip, pairs):
    def cost(pictures: int, sound: int) -> float:
        shown, heard = pairs.__getitems__([pictures]), pairs.__getitems__([sound])
        losses = [
            lip.out_of_sync(
                decoded_part(lip.vae, shown["target_BCFHW"][0], first, PART),
                shown["five_BF52"][0],
                heard["mfcc_BCT"][0],
                frames_of_part(first, PART),
            )
            for first in range(4)
        ]
        return float(torch.stack(losses).mean())

    for person in (0, 4):
        own = cost(person, person) + cost(person + 2, person + 2)
        others = cost(person, person + 2) + cost(person + 2, person)
        assert own < others


def test_a_step_against_the_gradient_brings_lips_nearer_to_their_sound(lip, pairs):
    batch = pairs.__getitems__([0])
    z_CFHW = pairs.__getitems__([2])["target_BCFHW"][0].clone().requires_grad_()
    frames, facts = frames_of_part(2, PART), (batch["five_BF52"][0], batch["mfcc_BCT"][0])
    before = lip.out_of_sync(decoded_part(lip.vae, z_CFHW, 2, PART), *facts, frames)
    before.backward()
    step = 0.5 * z_CFHW.grad / z_CFHW.grad.norm()
    with torch.no_grad():
        after = lip.out_of_sync(decoded_part(lip.vae, z_CFHW - step, 2, PART), *facts, frames)
    assert float(after) < float(before)


def test_a_syncnet_at_chance_is_refused_as_a_teacher(pairs, editor, tmp_path):
    file = chance_syncnet(tmp_path)
    with pytest.raises(Stop, match=r"is no teacher here.*redub train syncnet"):
        Lip(recipe_of("lip", editor, sync=str(file))).build(pairs, torch.device("cpu"))
    assert Lip(recipe_of("lip", editor)).teacher_tells(pairs) > 0.8


def test_likeness_counts_in_silent_samples_only_and_grows_when_pictures_go_astray(texture, pairs):
    batch = pairs.__getitems__([0, 2])
    same = {**batch, "target_BCFHW": batch["companion_BCFHW"]}
    none = torch.zeros_like(batch["target_BCFHW"])
    chances = lambda: [chance(0, 0, place) for place in (0, 1)]  # noqa: E731
    nothing, told = texture.taught(said(same, none), chances())
    assert float(nothing) == pytest.approx(0, abs=1e-5)
    assert float(told["same_face"]) == pytest.approx(1, abs=1e-4)
    astray, _ = texture.taught(said(same, torch.randn(none.shape)), chances())
    assert float(astray) > float(nothing) + 1e-3
    one = said(same, torch.randn(none.shape))
    for heard in ((True, False), (True, True)):
        only = replace(one, sequence=replace(one.sequence, heard_B=torch.tensor(heard)))
        taught, told = texture.taught(only, chances())
        assert 0 <= float(taught) < float(astray)
        assert bool(told["same_face"].isnan()) == all(heard)
    assert float(taught) == 0


def test_likeness_is_one_less_cosine_of_what_arcface_and_clip_say(texture, pairs):
    """Equation 12 as printed has the other sign."""
    batch = pairs.__getitems__([0])
    predicted = said(batch, torch.zeros_like(batch["target_BCFHW"]), motion=(0,))
    first = beginnings(predicted, PART, [chance(0, 0, 0)])[0]
    value, told = texture.taught(predicted, [chance(0, 0, 0)])
    some, rows = [0, 6, 12], []
    for z in (batch["target_BCFHW"], batch["companion_BCFHW"]):
        video = decode_window(texture.vae, denormalised(texture.vae, z), first, PART)[0, :, -13:][:, some]
        rgb = (video.transpose(0, 1) + 1) / 2
        five = batch["five_BF52"][0].numpy()[frames_of_part(first, PART)][some]
        rows.append((texture.who(rgb, five), texture.what(rgb)))
    cosines = [torch.cosine_similarity(*both).mean() for both in zip(*rows, strict=True)]
    assert float(told["same_face"]) == pytest.approx(float(cosines[0]), abs=1e-5)
    assert float(value) == pytest.approx(0.05 * sum(1 - float(one) for one in cosines), abs=1e-5)


def test_samples_for_which_attention_to_sound_is_off_do_not_hear(texture, pairs):
    net = texture.build(pairs, torch.device("cpu"))
    batch = pairs.__getitems__([0, 2])
    predicted = texture.predicted(net, batch, [chance(0, 0, place) for place in (0, 1)])
    sequence = replace(predicted.sequence, heard_B=torch.tensor([True, False]))
    other = replace(sequence, audio_BFNA=torch.randn_like(sequence.audio_BFNA))
    with torch.no_grad():
        one, two = net(sequence), net(other)
        deaf = net(replace(sequence, audio_BFNA=None, heard_B=None))
    assert not torch.allclose(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert torch.allclose(one[1], deaf[1], atol=1e-6)


def test_a_painted_companion_has_the_other_lips_and_everything_else_of_its_clip(pairs):
    batch = pairs.__getitems__([1, 3])
    lips = batch["lips_BFHW"][:, None] > 0.5
    apart = (batch["companion_BCFHW"] - batch["target_BCFHW"]).square()
    outside = batch["face_BFHW"][:, None].expand_as(apart) == 0
    assert float(apart[lips.expand_as(apart)].mean()) > 5 * float(apart[outside].mean())
