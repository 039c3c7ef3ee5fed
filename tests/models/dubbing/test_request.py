"""What cannot be dubbed is refused before any work, and what goes wrong on the way is said."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.audio.windows import RATE
from models.dit.net import VideoDit
from models.dit.presets import on_meta
from models.dubbing.dub import dub
from models.dubbing.request import Settings
from tests.models.dubbing.small_xdub import SMALL

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Settings(clip=13, steps=3, seed=5)


def never(given):
    raise AssertionError("work was done before the input was looked at")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video": np.zeros((9, 32, 24, 3), np.uint8)}, "divide by 16 .*, not 32x24"),
        ({"video": np.zeros((0, 32, 32, 3), np.uint8)}, r"uint8 \(0, 32, 32, 3\)"),
        ({"video": np.zeros((9, 32, 32, 3))}, "float64 .*, not uint8"),
        ({"sound": np.full(2559, 0.1)}, r"lasts 0\.160 s, .* 0\.16 s at once"),
        ({"sound": np.array([0.1] * 4000 + [np.nan])}, "1 of 4001 samples"),
        ({"sound": np.zeros(RATE)}, r"silent throughout.*silence=True"),
        ({"sound": np.full((2, RATE), 0.1)}, "one row of floats"),
        ({"sound": np.full(RATE, 1000, np.int16)}, "one row of floats"),
        ({"prompt_LX": None}, "give its embedding"),
        ({"prompt_LX": torch.zeros(5, 8)}, "1 to 4 tokens, 8 numbers"),
        ({"prompt_LX": torch.full((1, 8), torch.nan)}, "prompt holds NaN"),
        ({"dit": on_meta(replace(SMALL, channels=5))}, "5 channels, and the VAE makes 6"),
        ({"dit": on_meta(replace(SMALL, stacked=2))}, "needs an editor"),
        ({"dit": on_meta(replace(SMALL, text=0))}, "reads no text"),
        ({"dit": on_meta(replace(SMALL, audio=replace(SMALL.audio, window=10)))}, "window of 10 features"),
    ],
)
def test_bad_input_is_refused_before_any_work(parts, video, sound, changes, message):
    given = {"video": video, "sound": sound} | changes
    video, sound = given.pop("video"), given.pop("sound")
    with pytest.raises(ValueError, match=message):
        dub(replace(parts, audio_features=never, **given), video, sound, SHORT)


@pytest.mark.parametrize(("settings", "message"), [
    ({"clip": 76}, "4k.1 frames .* not 76"), ({"motion": 4}, "not 4"), ({"clip": 5}, "leave nothing of a clip of 5"),
    ({"reuse": 1.0}, "below 1, not 1.0"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_what_goes_wrong_on_the_way_is_said(parts, video, sound):
    quiet = dub(parts, video[:3], np.zeros(RATE), replace(SHORT, steps=1, silence=True))
    assert len(quiet.video_FHWC) == 3
    for heard, message in (
        (np.zeros((99, 7)), r"\(99, 7\).*\(features, 20\)"),
        (np.full((99, 20), np.inf), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            dub(replace(parts, audio_features=lambda given, heard=heard: heard), video, sound, SHORT)
    broken = load_broken(parts.dit)
    with pytest.raises(ValueError, match="hold NaN"):
        dub(replace(parts, dit=broken), video, sound, SHORT)


def load_broken(dit):
    broken = VideoDit(dit.config)
    broken.load_state_dict(
        {key: one + torch.nan * (key == "head.head.bias") for key, one in dit.state_dict().items()}
    )
    return broken.eval()
