"""Scenes: reproducible, smooth, framed as promised, and with something before the mouth where it is asked for."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from models.world.body.head import head
from models.world.body.morphable import Part
from models.world.direct import FRAMINGS, beside, make_scene
from models.world.motion import wander
from models.world.occluders import HELD, KINDS, WORN, make_occluder
from models.world.people import make_person
from models.world.render import render
from models.world.rooms import make_backdrop

MOUTH_L = [
    i for i, name in enumerate(head().landmark_names) if name.startswith(("mouth", "upper_", "lower_"))
]
EYES_L = [i for i, name in enumerate(head().landmark_names) if name in ("left_eye", "right_eye")]


def rng(seed):
    return np.random.default_rng(seed)


def arrays(thing, name="scene"):
    """All arrays in a dataclass, with where they are."""
    if isinstance(thing, np.ndarray):
        yield name, thing
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from arrays(getattr(thing, field.name), f"{name}.{field.name}")


def shut(frames):
    return np.zeros((frames, 3), np.float32)


def under_occluder(rendered, landmarks_L, side):
    """FL: which landmarks' pixels are the occluder's."""
    x_FL, y_FL = np.clip(rendered.landmarks_FL2[:, landmarks_L], 0, side - 1).astype(int).transpose(2, 0, 1)
    return rendered.labels_FHW[np.arange(len(x_FL))[:, None], y_FL, x_FL] == Part.OCCLUDER


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_a_seed_makes_one_scene(kind):
    first, again, other = (make_scene(rng(s), make_person(3), 20, occluder=kind) for s in (1, 1, 2))
    for (name, one), (_, same) in zip(arrays(first), arrays(again), strict=True):
        assert np.array_equal(one, same), name
    assert not np.allclose(first.pose_F3, other.pose_F3)


def test_everything_is_finite_and_in_range():
    for seed in range(200):
        kind, framing = [None, *KINDS][seed % (len(KINDS) + 1)], FRAMINGS[seed % 3]
        scene = make_scene(rng(seed), make_person(seed % 7), 10, occluder=kind, framing=framing)
        assert all(np.isfinite(array).all() for _, array in arrays(scene)), (seed, kind)
        assert np.allclose(np.linalg.norm(scene.light.direction_F3, axis=1), 1, atol=1e-5)
        assert scene.backdrop_HW3.min() >= 0
        assert scene.backdrop_HW3.max() <= 1
        if scene.occluder:
            assert len(scene.occluder.triangles_T3) < 1500, kind
            assert scene.occluder.triangles_T3.max() < len(scene.occluder.colours_V3)
            assert 0 <= scene.occluder.colours_V3.min() <= scene.occluder.colours_V3.max() <= 1


def test_wander_holds_nothing_faster_than_its_limit():
    noise_F = wander(rng(0), 2000, hertz=1.0, size=0.5)[:, 0] * np.hanning(2000)
    power_B, hertz_B = np.abs(np.fft.rfft(noise_F)) ** 2, np.fft.rfftfreq(2000, 1 / 25)
    assert power_B[hertz_B > 1.1].sum() < 1e-6 * power_B.sum()


def test_heads_move_without_jumps():
    steps = []
    for seed in range(100):
        scene = make_scene(rng(seed), None, 125)
        steps.append(np.abs(np.diff(scene.pose_F3, axis=0)).max())
        assert np.abs(np.diff(scene.shift_F2, axis=0)).max() < 0.02
        assert scene.pose_F3.std(0).min() > 0.002, "a head that stands still is no film"
    assert max(steps) < 0.09
    assert max(steps) > 0.03, "some heads turn or nod quickly"


def test_blinks_are_short_and_happen():
    for seed in range(100):
        blink_F = make_scene(rng(seed), None, 250).blink_F
        closed_F = np.concatenate([[0], blink_F > 0.5, [0]])
        lengths = np.flatnonzero(np.diff(closed_F) < 0) - np.flatnonzero(np.diff(closed_F) > 0)
        assert 2 <= len(lengths) <= 20
        assert lengths.max() <= 8, "a third of a second, also for two in a row"
        assert blink_F.max() == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [25, 60])
def test_an_occluder_comes_before_the_mouth(kind, frames):
    for seed in range(3):
        scene = make_scene(rng(seed), make_person(seed), frames, occluder=kind)
        few = render(scene, shut(frames), (64, 64), supersample=1)
        hidden_F = under_occluder(few, MOUTH_L, 64).mean(1)
        assert hidden_F.max() > 0.15, (seed, "nothing comes before the mouth")
        bare = render(replace(scene, occluder=None), shut(frames), (64, 64), supersample=1)
        assert (bare.labels_FHW != Part.OCCLUDER).all()


def agreement(scene):
    """Of the landmarks covered in either of two poses, the share covered in both."""
    covered_2L = under_occluder(render(scene, shut(2), (128, 128)), slice(None), 128)
    return covered_2L.all(0).sum() / covered_2L.any(0).sum()


@pytest.mark.parametrize("kind", WORN)
def test_what_is_worn_moves_with_the_head(kind):
    scene = make_scene(rng(4), make_person(4), 2, occluder=kind)
    poses_23, shifts_22 = np.array([[-0.25, 0, 0.25], [0.25, 0, -0.25]]), np.array([[-0.15, 0], [0.15, 0.1]])
    scene = replace(scene, pose_F3=poses_23, shift_F2=shifts_22)
    stays_behind = replace(scene, occluder=replace(scene.occluder, worn=False))
    assert agreement(scene) > 0.5
    assert agreement(scene) > agreement(stays_behind) + 0.15


def test_a_mask_hides_mouth_and_nose_but_no_eye():
    for seed in range(8):
        scene = make_scene(rng(seed), make_person(seed), 10, occluder="mask")
        wide_open = np.tile(np.float32([1, 0, 1]), (10, 1))
        rendered = render(scene, wide_open, (128, 128))
        nose = head().landmark_names.index("nose_tip")
        assert under_occluder(rendered, [*MOUTH_L, nose], 128).all(), seed
        assert not under_occluder(rendered, EYES_L, 128).any(), seed


def test_things_pass_and_leave():
    """Of what is held, some takes also show the mouth bare: the truth of both is wanted."""
    bare = 0
    for seed, kind in enumerate(HELD):
        for take in range(2):
            scene = make_scene(rng(100 * seed + take), make_person(seed), 75, occluder=kind)
            hidden_F = under_occluder(render(scene, shut(75), (48, 48), supersample=1), MOUTH_L, 48).mean(1)
            bare += (hidden_F == 0).mean() > 0.2
    assert bare >= 4


@pytest.mark.parametrize(
    ("framing", "least", "most"), [("close", 0.75, 1.0), ("bust", 0.3, 0.65), ("far", 0.15, 0.25)]
)
def test_a_face_is_as_large_as_its_framing_says(framing, least, most):
    names = head().landmark_names
    for seed in range(12):
        scene = make_scene(rng(seed), make_person(seed), 1, framing=framing)
        labels_HW = render(scene, shut(1), (320, 180)).labels_FHW[0]
        rows = np.flatnonzero(np.isin(labels_HW, [Part.HEAD]).any(1))
        assert least <= (rows[-1] - rows[0] + 1) / 180 <= most, seed
        points_L2 = render(scene, shut(1), (320, 180)).landmarks_FL2[0]
        assert (points_L2[names.index("chin")] < (320, 181)).all(), seed
        assert (labels_HW[-1] != Part.NOTHING).any(), "the picture's edge cuts the body, it does not float"


def test_two_sit_beside_each_other():
    for seed in range(5):
        left, right = beside(rng(seed), (make_person(seed), make_person(seed + 50)), 2)
        first = render(left, shut(2), (320, 180))
        both = render(right, shut(2), (320, 180), behind=first)
        assert first.five_F52[..., 0].max() < 150
        assert both.five_F52[..., 0].min() > 170
        changed_HW = np.abs(both.rgb_FHWC[0].astype(int) - first.rgb_FHWC[0]).max(-1) > 60
        assert changed_HW[:, 160:].sum() > 3 * changed_HW[:, :160].sum(), "the second person is on the right"
        assert np.array_equal(left.light.direction_F3, right.light.direction_F3)


def test_an_empty_room_has_nobody_in_it():
    for seed in range(10):
        rendered = render(make_scene(rng(seed), None, 2), shut(2), (96, 54))
        assert (rendered.labels_FHW == Part.NOTHING).all()
        assert not rendered.visible_FL.any()


def test_rooms_differ_and_are_calm():
    rooms = [make_backdrop(rng(seed)) for seed in range(60)]
    assert all(room.dtype == np.float32 and 96 <= room.shape[0] <= 160 for room in rooms)
    steps = [np.abs(np.diff(np.concatenate([room, room[:, :1]], 1), axis=1)) for room in rooms]
    assert max(step.mean() for step in steps) < 0.03, "no wallpaper for the codec to spend bits on"
    assert max(step[:, -1].mean() for step in steps) < 0.1, "no seam where a drifting room closes on itself"
    assert np.std([room.mean() for room in rooms]) > 0.1


def test_requests_that_make_no_sense_say_so():
    with pytest.raises(ValueError, match=r"'sword'.*microphone"):
        make_occluder("sword", rng(0), make_person(0), 5)
    with pytest.raises(ValueError, match=r"'wide'.*bust"):
        make_scene(rng(0), make_person(0), 5, framing="wide")
    with pytest.raises(ValueError, match="'cup' needs a face"):
        make_scene(rng(0), None, 5, occluder="cup")
