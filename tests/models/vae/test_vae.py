"""The VAE without a cache is the library's own, to rounding: whole clips, windows of them, and nearly so tiles."""

import pytest
import torch
from diffusers import AutoencoderKLWan
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from models.vae import (
    View,
    decode,
    decode_tiled,
    decode_window,
    denormalised,
    encode,
    encode_tiled,
    frames_of,
    latents_looked_back_at,
    latents_of,
    normalised,
    pixels_per_latent,
)
from models.vae.gradients import normed_and_bent, over_three

WAN_22 = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2,
    "temperal_downsample": [False, True, True], "is_residual": True, "in_channels": 12, "out_channels": 12,
    "patch_size": 2, "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip


def make_vae(patch=None, residual=False, **more):
    torch.manual_seed(0)
    side = 3 * (patch or 1) ** 2
    settings = {"base_dim": 8, "dim_mult": [1, 2, 2], "temperal_downsample": [True, True]} | more
    return AutoencoderKLWan(
        z_dim=6, num_res_blocks=1, patch_size=patch, in_channels=side, out_channels=side, is_residual=residual,
        latents_mean=[0.1] * 6, latents_std=[2.0] * 6, **settings,
    ).double().requires_grad_(False)  # fmt: skip


@pytest.fixture(scope="module", params=[(None, False), (2, False), (2, True)], ids=["2.1", "patches", "2.2"])
def vae(request):
    return make_vae(*request.param)


def noise(*shape):
    return torch.randn(shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def tiny():
    return make_vae(2, residual=True)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_one_pass_gives_what_the_library_gives_piece_by_piece(vae, frames):
    video = noise(2, 3, frames, 32, 16).clamp(-1, 1)
    theirs = vae.encode(video).latent_dist.mean
    ours = encode(vae, video)
    assert ours.shape[2] == latents_of(frames)
    assert ours.is_contiguous(), "a file takes it"
    close(ours, theirs)
    pictures = decode(vae, theirs)
    assert pictures.shape == video.shape
    assert pictures.is_contiguous()
    close(pictures.clamp(-1, 1), vae.decode(theirs).sample)


def test_gradients_are_the_library_s_too(vae):
    video, weights = noise(1, 3, 9, 16, 16), list(vae.parameters())
    vae.requires_grad_(True)
    posterior = vae.encode(video).latent_dist.mean
    theirs = posterior.square().sum() + vae.decode(0.01 * posterior).sample.sum()
    ours = encode(vae, video)
    ours = ours.square().sum() + decode(vae, 0.01 * ours).clamp(-1, 1).sum()
    pairs = zip(*(torch.autograd.grad(loss, weights) for loss in (ours, theirs)), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-7)
    vae.requires_grad_(False)


def test_half_precision_is_as_good_as_the_library_s():
    vae, z = make_vae(2, residual=True), noise(1, 6, 3, 4, 4).bfloat16()
    exact = decode(vae, z.double()).clamp(-1, 1)
    vae.bfloat16()
    ours, theirs = (
        (made.double() - exact).abs().mean() for made in (decode(vae, z).clamp(-1, 1), vae.decode(z).sample)
    )
    assert ours < 1.1 * theirs


@pytest.mark.parametrize(("first", "count"), [(0, 3), (1, 1), (5, 2)])
def test_a_window_is_its_part_of_the_whole_and_so_are_its_gradients(vae, first, count):
    z = noise(2, 6, 7, 2, 4).requires_grad_()
    there = frames_of(first, count)
    whole = decode(vae, z)[:, :, there]
    close(decode_window(vae, z, first, count), whole)
    (wanted,) = torch.autograd.grad(whole.square().sum(), z)
    wanted[:, :, :first] = 0  # what is before only warms
    (repeated,) = torch.autograd.grad(
        checkpoint(decode_window, vae, z, first, count, use_reentrant=False).square().sum(), z
    )
    torch.testing.assert_close(repeated, wanted, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (9, 12)], ids=["edge", "inside", "far edge"])
def test_a_view_of_a_window_is_cut_out_of_it_and_so_are_its_gradients(vae, corner):
    """Half and more of it is never computed: no less than all that its pixels are made of is."""
    z, side = noise(1, 6, 4, 8, 6).requires_grad_(), pixels_per_latent(vae)
    (top, left), (height, width) = corner, (8 * side, 6 * side)
    view = View((top, height if top == 9 else top + 7), (left, width if left == 12 else left + 4))
    part = decode_window(vae, z, 1, 2)[..., slice(*view.rows), slice(*view.columns)]
    seen = decode_window(vae, z, 1, 2, view)
    close(seen, part)
    close(*(torch.autograd.grad(one.square().sum(), z)[0] for one in (seen, part)))


def test_a_view_takes_less_work():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad():
        vae, z = AutoencoderKLWan(**WAN_22), torch.empty(1, 48, 8, 32, 32)
        with FlopCounterMode(display=False) as whole:
            decode_window(vae, z, 4, 4)
        with FlopCounterMode(display=False) as part:
            decode_window(vae, z, 4, 4, View((200, 400), (150, 350)))
    assert part.get_total_flops() < 0.5 * whole.get_total_flops()


def test_gradients_written_out_are_those_of_the_same_sums():
    """By differences, and for kernels, biases and norms as well, which a training of the VAE itself moves."""
    past, x = noise(2, 2, 3, 4, 5), noise(2, 3, 3, 4, 5).requires_grad_()
    kernel, bias = noise(4, 3, 3, 3, 3).requires_grad_(), noise(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda *given: over_three(past, *given), (x, kernel, bias))
    gain, more = (noise(3, 1, 1).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(normed_and_bent, (x, gain, more))
    assert torch.autograd.gradcheck(lambda *given: normed_and_bent(*given, None), (x, gain))


def test_a_window_of_the_library_s_cold_cache_is_another_picture(vae):
    """The trap that warmth avoids."""
    z = noise(1, 6, 7, 2, 2)
    there = decode(vae, z)[:, :, frames_of(3, 4)]
    cold = vae.decode(z[:, :, 3:]).sample
    assert cold.shape[2] == 13
    assert there.shape[2] == 16
    assert (there[:, :, 3:] - cold).abs().mean() > 1e-3


@pytest.mark.parametrize("residual", [False, True])
def test_a_window_depends_on_as_many_latents_before_as_reach_says_and_on_no_more(residual):
    vae = make_vae(None, residual, base_dim=4, dim_mult=[1, 1, 1])
    far = latents_looked_back_at(vae)
    z = noise(1, 6, far + 4, 1, 1).requires_grad_()
    frames = decode(vae, z)[:, :, frames_of(far + 2, 1)]
    (touched,) = torch.autograd.grad(frames.sum(), z)
    assert touched.abs().amax((0, 1, 3, 4)).nonzero().flatten().tolist() == list(range(2, far + 3))
    z, at = z.detach(), far + 2
    window = decode_window(vae, z, at, 2)
    close(window, decode(vae, z)[:, :, frames_of(at, 2)])
    for changed, alike in ((at - far - 1, True), (at - far, False)):
        other = z.clone()
        other[:, :, changed] *= -100
        assert torch.equal(decode_window(vae, other, at, 2), window) == alike


@pytest.mark.parametrize("config", [{}, WAN_22], ids=["2.1", "2.2"])
def test_the_published_vaes_look_back_over_38_latents(config):
    with torch.device("meta"):
        vae = AutoencoderKLWan(**config)
        assert latents_looked_back_at(vae) == 38
        assert pixels_per_latent(vae) == vae.config.scale_factor_spatial
        z = torch.empty(1, vae.config.z_dim, 20, 2, 2)
        assert decode_window(vae, z, 16, 4).shape == (
            1,
            3,
            16,
            2 * pixels_per_latent(vae),
            2 * pixels_per_latent(vae),
        )
        assert encode(vae, torch.empty(1, 3, 77, pixels_per_latent(vae), pixels_per_latent(vae))).shape == (
            1,
            vae.config.z_dim,
            20,
            1,
            1,
        )


def test_a_window_costs_little_more_than_its_frames():
    """Multiplications; the memory of a training step follows what gradients pass through, which is the window."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad():
        vae, z = AutoencoderKLWan(**WAN_22), torch.empty(1, 48, 20, 32, 32)
        with FlopCounterMode(display=False) as whole:
            decode(vae, z)
        with FlopCounterMode(display=False) as window:
            decode_window(vae, z, 16, 4)
    assert window.get_total_flops() < 0.55 * whole.get_total_flops()


def test_tiles_that_overlap_by_all_a_layer_sees_are_the_whole(vae):
    """Attention still sees all of the picture; so only blending and where tiles are could be wrong."""
    z = noise(1, 6, 3, 2, 34)
    close(decode_tiled(vae, z, tile=26, overlap=22, latents=2), decode(vae, z))
    video = noise(1, 3, 9, 2 * pixels_per_latent(vae), 34 * pixels_per_latent(vae))
    close(encode_tiled(vae, video, tile=26, overlap=22, latents=1), encode(vae, video))


def test_tiles_of_a_usual_overlap_leave_no_seam(vae):
    """Random weights are the worst case: theirs look at far pixels as much as at near ones."""
    z = noise(1, 6, 2, 40, 3)
    whole = decode(vae, z)
    wrong = decode_tiled(vae, z, tile=16, overlap=8) - whole
    assert wrong.abs().max() > 0, "nothing was cut"
    assert wrong.std() < 0.02 * whole.std()
    assert wrong.diff(dim=3).abs().max() < 0.5 * whole.diff(dim=3).std()


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made meanwhile."""

    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        sizes = [one.numel() for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        self.most = max([self.most, *sizes])
        return made


def test_tiles_need_no_more_memory_in_a_bigger_picture_but_for_the_picture():
    vae, most = make_vae(), {}
    for side in (16, 24):
        z = noise(1, 6, 3, 4, side)
        with Largest() as whole:
            decode(vae, z)
        with Largest() as tiled:
            picture = decode_tiled(vae, z, tile=6, overlap=2, latents=1)
        most[side] = tiled.most
        assert tiled.most < 0.25 * whole.most
    assert most[24] <= max(most[16], picture.numel())


@pytest.mark.parametrize("overlap", [-1, 16])
def test_tiles_that_cannot_go_on_are_refused(tiny, overlap):
    with pytest.raises(ValueError, match=f"tiles of 16 latents cannot overlap by {overlap}"):
        decode_tiled(tiny, noise(1, 6, 1, 20, 20), tile=16, overlap=overlap)


def test_other_frame_counts_are_refused_before_frames_are_lost(tiny):
    for way in (encode, encode_tiled):
        with pytest.raises(ValueError, match=r"4k\+1 frames.*24.*cut to 25"):
            way(tiny, noise(1, 3, 24, 16, 16))


def test_sides_that_do_not_divide_are_refused_with_one_that_does(vae):
    side = pixels_per_latent(vae)
    with pytest.raises(
        ValueError, match=rf"divide by {side}, not {3 * side}x{2 * side + 2}; cut to {3 * side}x{2 * side}"
    ):
        encode(vae, noise(1, 3, 5, 3 * side, 2 * side + 2))


@pytest.mark.parametrize("way", [decode, decode_tiled, lambda vae, z: decode_window(vae, z, 3, 1)])
def test_latents_that_are_no_latents_are_refused(tiny, way):
    z = noise(2, 6, 4, 2, 2)
    z[1, 2, 2, 0, 1] = float("nan")
    with pytest.raises(ValueError, match="latents 2 of clip 1 are not finite"):
        way(tiny, z)
    with pytest.raises(ValueError, match=r"latents \(clips, 6, .*not \(2, 16, 4, 2, 2\)"):
        way(tiny, noise(2, 16, 4, 2, 2))


@pytest.mark.parametrize(("first", "count"), [(-1, 2), (3, 0), (3, 2)])
def test_windows_beyond_the_clip_are_refused(tiny, first, count):
    with pytest.raises(ValueError, match="no window of the 4 there are"):
        decode_window(tiny, noise(1, 6, 4, 2, 2), first, count)


def test_what_a_dit_sees_is_normalised_and_comes_back(tiny):
    z = noise(1, 6, 2, 4, 4)
    torch.testing.assert_close(normalised(tiny, z), (z - 0.1) / 2.0)
    torch.testing.assert_close(denormalised(tiny, normalised(tiny, z)), z)
