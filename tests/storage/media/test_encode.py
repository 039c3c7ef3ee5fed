"""Encoding: what is written comes back, the same input gives the same bytes, and bad input is refused."""

import io

import numpy as np
import pytest

from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from tests.perf.bench_media import media_ratios


def test_encoding_is_deterministic_and_comes_back():
    rng = np.random.default_rng(0)
    base = np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    frames = [np.roll(base, 2 * k, axis=1) for k in range(25)]
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)).astype(np.float32)
    data = encode_video(None, frames, 25, tone)
    assert data == encode_video(None, frames, 25, tone)
    with open_media(io.BytesIO(data)) as media:
        back = list(decode_video(media, fps=25.0))
        audio = decode_audio(media)
    assert len(back) == 25
    assert np.abs(np.stack(back).astype(int) - np.stack(frames)).mean() < 12
    assert np.corrcoef(audio.samples[2000:14000], tone[2000:14000])[0, 1] > 0.99


def test_odd_sizes_and_bad_sound_are_refused_with_the_next_step():
    with pytest.raises(ValueError, match="even size, not 63x48"):
        encode_video(None, [np.zeros((48, 63, 3), np.uint8)], 25)
    with pytest.raises(ValueError, match="replace NaN"):
        encode_video(None, [np.zeros((48, 64, 3), np.uint8)], 25, np.full(99, np.nan))
    with pytest.raises(ValueError, match="at least one"):
        encode_video(None, [], 25)


def test_decoding_and_encoding_cost_little_over_the_bare_library():
    """Looser than the benchmark's 1.1, because other tests may share the machine."""
    ratios = media_ratios(rounds=3)
    assert max(ratios.values()) < 1.25, ratios
