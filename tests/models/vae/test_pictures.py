"""Pictures as files give them, on their way into latents."""

import torch

from models.vae import encode, pixels_per_latent
from models.vae.pictures import encoded
from tests.models.vae.test_vae import make_vae, noise


def test_many_large_videos_are_encoded_a_few_at_a_time_and_none_otherwise(monkeypatch):
    tiny = make_vae(2, residual=True)
    side = 2 * pixels_per_latent(tiny)
    videos_BCTHW = noise(3, 3, 5, side, side)
    together_BCTHW = encoded(tiny, videos_BCTHW)
    seen = []
    monkeypatch.setattr(
        "models.vae.pictures.encode", lambda vae, part: seen.append(len(part)) or encode(vae, part)
    )
    monkeypatch.setattr("models.vae.pictures.AT_ONCE", 2 * 5 * side * side)
    torch.testing.assert_close(encoded(tiny, videos_BCTHW), together_BCTHW)
    assert seen == [2, 1]
