"""Companions that the shipped generator paints of strangers: their lips, their seams, and that chance is nobody's guest."""

from functools import cache

import numpy as np
import pytest
import torch

from models.audio.whisper import LAST, Whisper
from models.companions.painter import Clip, Painter, Settings
from models.companions.segments import Cut
from models.dit.checkpoint import load
from models.mini.generator.people import film
from models.vae.opening import load_vae

pytestmark = pytest.mark.usefixtures("one_thread")
FRAMES = 45


@cache
def painter(motion=5):
    return Painter(load("mini:generator"), load_vae("mini:vae"), Settings(Cut(25, motion)))


@cache
def clips():
    """A second of three strangers, there and back again, who are to say what they said in the other take."""
    whisper = Whisper("mini:whisper", (LAST,))
    made = []
    for person in (241, 242, 244):
        pair = film(person, clear=True)
        there = np.concatenate([np.arange(25), np.arange(23, 3, -1)])[:FRAMES]
        heard = whisper.features(np.pad(pair.said[0].sound, (0, 32000)))[2 * pair.said[0].start :, 0]
        made.append(Clip(pair.rgb_2FHWC[1][there], pair.paint_2FHW[1][there], heard, person))
    return made


def test_only_what_is_masked_changes_and_there_it_does():
    for clip, made in zip(clips(), painter().companions(clips()), strict=True):
        assert made.rgb_FHWC.shape == clip.rgb_FHWC.shape
        assert np.array_equal(made.rgb_FHWC[~clip.paint_FHW], clip.rgb_FHWC[~clip.paint_FHW])
        assert np.abs(made.rgb_FHWC.astype(int) - clip.rgb_FHWC)[clip.paint_FHW].mean() > 1
        assert (made.starts, len(made.seams), len(made.drifts)) == ([0, 20], 1, 2)


def test_the_same_clip_becomes_the_same_companion_in_any_company():
    together = painter().companions(clips())
    alone = [painter().companions([clip])[0] for clip in clips()]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.rgb_FHWC, other.rgb_FHWC)
    many = painter().companions(clips(), lanes=2)
    backwards = painter().companions(clips()[::-1], lanes=2)[::-1]
    for one, other in zip(many, backwards, strict=True):
        assert np.array_equal(one.rgb_FHWC, other.rgb_FHWC)
    for one, other in zip(many, alone, strict=True):
        assert np.abs(one.rgb_FHWC.astype(int) - other.rgb_FHWC).max() <= 2, (
            "a batch of another size rounds otherwise"
        )


def test_motion_frames_join_segments():
    joined, apart = (painter(motion).companions(clips()) for motion in (5, 0))
    assert [one.starts for one in (joined[0], apart[0])] == [[0, 20], [0, 25]]
    assert np.mean([leap(one) for one in joined]) < 0.9 * np.mean([leap(one) for one in apart])


def leap(made):
    """How much the painted part changes where the second segment's frames begin."""
    apart = made.rgb_FHWC[25].astype(float) - made.rgb_FHWC[24]
    return np.abs(apart)[made.clip.paint_FHW[25]].mean()


def test_numbers_that_are_not_finite_are_refused():
    first = clips()[0]
    bad = Clip(first.rgb_FHWC, first.paint_FHW, np.full_like(first.heard_PA, np.inf), 1)
    with pytest.raises(ValueError, match="NaN or infinite"):
        painter().companions([bad])


def test_a_short_clip_is_one_segment():
    clip = clips()[0]
    short = Clip(clip.rgb_FHWC[:7], clip.paint_FHW[:7], clip.heard_PA, 3)
    (made,) = painter().companions([short])
    assert (len(made.rgb_FHWC), made.starts) == (7, [0])
    assert torch.tensor(made.drifts).isfinite().all()
