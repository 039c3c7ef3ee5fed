"""Clips in the place of pairs: all but the companion is what the pairs of these clips have."""

import pickle

import pytest
import torch

from tasks.training.editor.clips_as_pairs import ClipsAsPairs
from tasks.training.editor.pair_windows import ClipPairs
from tests.tasks.training.editor.paired import Paired

pytestmark = pytest.mark.usefixtures("one_thread")


def test_all_but_the_companion_is_as_in_the_pairs_of_the_same_clips(paired: Paired) -> None:
    clips = ClipsAsPairs(paired.root, paired.clips.version.tag, "train", 25, 12, "mini:vae")
    pairs = ClipPairs(paired.root, paired.plain.version.tag, "train", points=True, mfcc=True, relit=False)
    named = {one: number for number, one in enumerate(clips.ids)}
    assert set(pairs.ids) <= set(named)
    same = [named[one] for one in pairs.ids]
    one, other = pickle.loads(pickle.dumps(clips)).__getitems__(same), pairs.__getitems__(range(len(pairs)))
    assert one.keys() == other.keys()
    assert one["id"] == other["id"]
    alike = one.keys() - {"id", "companion_BFHWC"}
    assert alike >= {"target_BCFHW", "audio_BFNA", "face_BFHW", "lips_BFHW", "five_BF52", "mfcc_BCT"}
    for name in alike:
        assert torch.equal(one[name], other[name]), name


def test_a_clip_backwards_stands_for_its_companion(paired: Paired) -> None:
    clips = ClipsAsPairs(paired.root, paired.clips.version.tag, "train", 25, 12, "mini:vae")
    batch = clips.from_videos().__getitems__([0, 1])
    assert torch.equal(batch["companion_BFHWC"], batch["video_BFHWC"].flip(1))
    assert not torch.equal(batch["companion_BFHWC"], batch["video_BFHWC"])
