"""Relit pairs: one light on both halves, the same on every machine, only where it was even, and what is refused."""

import io
from dataclasses import asdict, fields, replace
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from models.light.change import LightChange, gain
from models.light.linear import decoded
from models.light.unevenness import Unevenness
from models.mini.generator.people import film
from storage.ledger.rows import schema_of
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_flac, encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.masks import pack
from tasks.relight import RATE, Relight, RelightConfig, RelightInput, RelightRow

SEED_OF_C1 = 7768580647396007570
"""Of the clip "c1" with those settings: what a row says must be found again on any machine."""
NUMBERS = [name for name, field in RelightConfig.model_fields.items() if field.annotation is float]
ALL = {"most_uneven": 10.0}
"""Every clip counts as evenly lit."""


@cache
def pair(person=3):
    """A rendered pair: one scene, other lips."""
    return film(person, occluded=0.0)


@cache
def row_of(row_id="c1", person=3, sound=True):
    shot = pair(person)
    sounds = [(0.3 * np.sin(np.arange(RATE) * pitch)).astype(np.float32) for pitch in (0.05, 0.11)]
    flacs = [encode_flac(one, RATE) for one in sounds]
    videos = [
        encode_video(None, rgb_FHWC, 25.0, one, crf=10)
        for rgb_FHWC, one in zip(shot.rgb_2FHWC, sounds, strict=True)
    ]
    face_FHW = shot.paint_2FHW[0]
    return RelightInput(
        id=row_id,
        fps=25.0,
        video=videos[0],
        audio=flacs[0] if sound else None,
        face_masks=pack(face_FHW),
        occluder_masks=pack(np.zeros_like(face_FHW)),
        companion_video=videos[1],
        companion_audio=flacs[1],
    )


def relit_of(row, **config):
    stage = Relight(RelightConfig(**config))
    stage.setup(Store())
    (result,) = stage([row])
    assert result.id == row.id
    return result


@cache
def lit_row(row_id="c1", **config):
    return relit_of(row_of(row_id), **(config or {**ALL, "crf": 8}))


def pictures(video):
    with open_media(io.BytesIO(video)) as media:
        return np.stack(list(decode_video(media)))


def change_of(row):
    return LightChange(**{field.name: getattr(row, field.name) for field in fields(LightChange)})


def test_both_halves_get_the_light_that_the_columns_say():
    row = lit_row(**ALL, crf=8, chance=1.0)
    assert row.relit
    assert row.light == "direction+colour+flicker+spot"
    gains = [gain(change_of(row), frame / 25, 64, 64) for frame in range(25)]
    given = row_of()
    for before, after in ((given.video, row.relit_video), (given.companion_video, row.relit_companion_video)):
        expected_FHWC = decoded(pictures(before)) * gains
        off_FHWC = np.abs(decoded(pictures(after)) - np.minimum(expected_FHWC, 1))
        unlit_FHWC = np.abs(decoded(pictures(after)) - decoded(pictures(before)))
        assert off_FHWC.mean() < 0.012, off_FHWC.mean()
        assert off_FHWC.mean() < 0.25 * unlit_FHWC.mean(), (off_FHWC.mean(), unlit_FHWC.mean())


def test_where_the_halves_were_alike_they_still_are():
    """The lips alone differ before; the new light adds no difference elsewhere but the codec's."""
    row, given, shot = lit_row(**ALL, crf=8, chance=1.0), row_of(), pair()
    moved_FHW = (shot.paint_2FHW | shot.lips_2FHW).any(0)

    def difference(first, second):
        apart_FHWC = np.abs(pictures(first).astype(int) - pictures(second))
        return apart_FHWC[~moved_FHW].mean()

    before = difference(given.video, given.companion_video)
    after = difference(row.relit_video, row.relit_companion_video)
    assert after < before + 1.0, (before, after)


def test_the_same_row_gets_the_same_light_and_bytes():
    assert asdict(lit_row()) == asdict(relit_of(row_of(), **ALL, crf=8))
    other = lit_row("c2")
    assert other.seed != lit_row().seed
    assert change_of(other) != change_of(lit_row())
    assert lit_row().seed == SEED_OF_C1
    assert change_of(relit_of(row_of(), most_uneven=9.0, share=0.99, crf=30)) == change_of(lit_row())


def test_each_half_keeps_its_own_sound_and_length():
    row, given = lit_row(), row_of()
    halves = ((row.relit_video, given.audio), (row.relit_companion_video, given.companion_audio))
    for video, flac in halves:
        with open_media(io.BytesIO(video)) as media, open_media(io.BytesIO(flac)) as own:
            heard, said = decode_audio(media).samples, decode_audio(own).samples
        assert len(pictures(video)) == 25
        assert np.corrcoef(heard[2000:14000], said[2000:14000])[0, 1] > 0.98
    silent = relit_of(row_of(sound=False), **ALL)
    with open_media(io.BytesIO(silent.relit_video)) as media:
        assert media.audio is None


def test_the_poster_shows_the_clip_and_both_halves_relit():
    assert decode_image(lit_row().poster).shape == (3 * 64, 3 * 64, 3)


def test_unevenly_lit_clips_are_left_alone():
    """Light from one side is laid over the clip; the companion is not even looked at."""
    light_to_dark_W1 = np.linspace(1.2, 0.15, 64)[:, None]
    uneven_FHWC = np.clip(pair().rgb_2FHWC[0] * light_to_dark_W1, 0, 255).astype(np.uint8)
    given = replace(row_of(), video=encode_video(None, uneven_FHWC, 25.0), companion_video=b"")
    row = relit_of(given)
    assert row.unevenness > RelightConfig().most_uneven
    assert_left_alone(row)


def assert_left_alone(row):
    assert (row.relit, row.light, change_of(row).kinds(), row.exposure) == (False, "", (), 1.0)
    assert (row.relit_video, row.relit_companion_video, row.poster) == (None, None, None)


def test_where_no_face_is_visible_the_light_stays():
    nothing_FHW = np.zeros((25, 64, 64), bool)
    row = relit_of(replace(row_of(), face_masks=pack(nothing_FHW)), **ALL)
    assert row.unevenness is None
    assert_left_alone(row)


def test_the_share_is_of_clips_and_grows_by_clips():
    def taken(share):
        stage = Relight(RelightConfig(**ALL, share=share))
        return {n for n in range(400) if stage.wanted(f"c{n}", Unevenness(0.0, 0.0, 0.0))}

    none, some, more, every = (taken(share) for share in (0.0, 0.3, 0.6, 1.0))
    assert none == set()
    assert len(every) == 400
    assert 80 < len(some) < 160
    assert some < more < every
    assert_left_alone(relit_of(row_of(), **ALL, share=0.0))


def test_only_the_kinds_that_are_asked_for_come():
    row = relit_of(row_of(), **ALL, kinds=["colour"])
    assert row.light == "colour"
    assert row.warmth_stops > 0 == row.direction_stops == row.spot_stops == row.flicker_stops


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 50.0])
def test_settings_that_mean_nothing_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        RelightConfig(**{name: value})


@pytest.mark.parametrize("kinds", [[], ["colour", "colour"], ["fog"]])
def test_kinds_are_refused_when_there_are_none_or_others(kinds):
    with pytest.raises(ValidationError, match="kinds"):
        RelightConfig(kinds=kinds)


def test_a_companion_or_masks_of_another_length_are_named():
    given = row_of()
    short = encode_video(None, pair().rgb_2FHWC[1, :20], 25.0)
    with pytest.raises(ValueError, match=r"c1 .* its companion .*make the companion again"):
        relit_of(replace(given, companion_video=short), **ALL)
    with pytest.raises(ValueError, match=r"c1 .* its masks"):
        relit_of(replace(given, face_masks=pack(np.ones((25, 32, 64), bool))), **ALL)


def test_its_numbers_are_columns():
    names = set(schema_of(RelightRow).names)
    assert names >= {field.name for field in fields(LightChange)}
