"""The one-pass VAE is the library's own, to rounding."""

import pytest
import torch
from diffusers import AutoencoderKLWan

from models.vae import decode, denormalised, encode, latents_of, normalised


@pytest.fixture(scope="module", params=[None, 2])
def vae(request):
    torch.manual_seed(0)
    side = 3 * (request.param or 1) ** 2
    return AutoencoderKLWan(
        base_dim=8, z_dim=6, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[True, True],
        patch_size=request.param, in_channels=side, out_channels=side,
        latents_mean=[0.1] * 6, latents_std=[2.0] * 6,
    ).double()  # fmt: skip


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_one_pass_gives_what_the_library_gives_piece_by_piece(vae, frames):
    video = torch.rand(2, 3, frames, 32, 16, dtype=torch.double) * 2 - 1
    with torch.no_grad():
        theirs = vae.encode(video).latent_dist.mean
        ours = encode(vae, video)
        assert ours.shape[2] == latents_of(frames)
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-8)
        pictures = decode(vae, theirs)
        assert pictures.shape == video.shape
        torch.testing.assert_close(pictures.clamp(-1, 1), vae.decode(theirs).sample, atol=1e-10, rtol=1e-8)


def test_gradients_are_the_library_s_too(vae):
    video = torch.rand(1, 3, 9, 16, 16, dtype=torch.double) * 2 - 1
    theirs = torch.autograd.grad(vae.encode(video).latent_dist.mean.square().sum(), vae.encoder.parameters())
    ours = torch.autograd.grad(encode(vae, video).square().sum(), vae.encoder.parameters())
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-7)


def test_other_frame_counts_are_refused_before_frames_are_lost(vae):
    with pytest.raises(ValueError, match=r"4k\+1 frames.*24.*cut to 25"):
        encode(vae, torch.zeros(1, 3, 24, 16, 16, dtype=torch.double))


def test_what_a_dit_sees_is_normalised_and_comes_back(vae):
    z = torch.randn(1, 6, 2, 4, 4, dtype=torch.double)
    torch.testing.assert_close(normalised(vae, z), (z - 0.1) / 2.0)
    torch.testing.assert_close(denormalised(vae, normalised(vae, z)), z)
