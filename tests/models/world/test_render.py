from dataclasses import replace

import numpy as np
import pytest

from models.world.body.head import head
from models.world.body.morphable import JAW_OPEN, Material, Part
from models.world.mesh import pose
from models.world.people import make_person
from models.world.render import Rendered, face_mask, project, render
from models.world.scene import Camera, Light, Occluder, Scene

INSIDE = (Part.MOUTH, Part.TEETH, Part.TONGUE)


def scene(seed: int, frames: int = 1, **changes) -> Scene:
    rng = np.random.default_rng(seed)
    none_F = np.zeros(frames)
    towards = np.array([0.4, 0.5, 0.77])
    made = Scene(
        person=make_person(seed),
        pose_F3=rng.uniform(-1, 1, (frames, 3)) * [0.6, 0.2, 0.15],
        shift_F2=rng.uniform(-0.05, 0.05, (frames, 2)),
        brow_F=none_F,
        smile_F=np.full(frames, rng.uniform(-0.3, 0.6)),
        blink_F=none_F,
        gaze_F2=np.zeros((frames, 2)),
        light=Light(np.tile(towards, (frames, 1)), 0.5, 0.6, np.ones(3)),
        backdrop_HW3=rng.uniform(0, 1, (8, 8, 3)),
        drift_F2=np.zeros((frames, 2)),
        occluder=None,
        camera=Camera(0.36, np.array([0.5, 0.48]), noise=0.0, blur=0.0, gamma=1.1),
    )
    return replace(made, **changes)


def mouths(rng: np.random.Generator, frames: int) -> np.ndarray:
    return np.stack([rng.uniform(0, 1, frames), rng.uniform(-1, 1, frames), rng.uniform(0, 1, frames)], -1)


def plate(frames: int, z: float = 2.0, worn: bool = False) -> Occluder:
    corners = np.array([[-0.4, -0.2, z], [0.4, -0.2, z], [-0.4, -1.0, z], [0.4, -1.0, z]])
    triangles = np.array([[0, 2, 1], [1, 2, 3]])
    return Occluder("card", np.tile(corners, (frames, 1, 1)), triangles, np.full((4, 3), 0.5), worn)


def count(rendered: Rendered, *parts: Part) -> np.ndarray:
    return np.isin(rendered.labels_FHW, parts).sum((1, 2))


def at(rendered: Rendered, name: str) -> np.ndarray:
    return rendered.landmarks_FL2[:, head().landmark_names.index(name)]


def test_the_camera_is_that_of_an_independent_float64_computation() -> None:
    made = scene(3, 2)
    vertices_FV3 = pose(made, np.array([[0.5, 0.2, 0.1]] * 2))
    xy_FV2, depth_FV = project(made, vertices_FV3, (320, 240))
    x, y, z = vertices_FV3.astype(np.float64).transpose(2, 0, 1)
    unit = 0.36 * 240 * 6 / (6 - z)
    np.testing.assert_allclose(xy_FV2[..., 0], 160 + x * unit, atol=0.01)
    np.testing.assert_allclose(xy_FV2[..., 1], 0.48 * 240 - y * unit, atol=0.01)
    np.testing.assert_allclose(depth_FV, 6 - z, atol=1e-5)


def test_landmarks_lie_where_the_drawn_mouth_ends() -> None:
    """The opening between the lips is drawn; its outermost pixels must touch the corners' landmarks."""
    for seed in range(12):
        made = replace(scene(seed), pose_F3=np.zeros((1, 3)))
        rendered = render(made, np.array([[0.8, 0.6, 0.0]]), (512, 512))
        rows, columns = np.nonzero(np.isin(rendered.labels_FHW[0], INSIDE))
        left, right = at(rendered, "mouth_left")[0], at(rendered, "mouth_right")[0]
        top, bottom = at(rendered, "upper_inner")[0], at(rendered, "lower_inner")[0]
        middle = columns == int(top[0])
        assert -0.5 < columns.min() - left[0] < 3.5
        assert -0.5 < right[0] - (columns.max() + 1) < 3.5
        assert abs(rows[middle].min() - top[1]) <= 0.75
        assert bottom[1] - (rows[middle].max() + 1) > -0.75


def test_a_landmark_is_drawn_where_it_is_said_to_be() -> None:
    """A speck on the vertex itself, drawn by the renderer, has its middle within half a pixel of the landmark."""
    wanted = ["nose_tip", "chin", "mouth_left", "upper_outer", "left_brow_middle"]
    for seed, name in enumerate(wanted):
        made = scene(seed)
        mouth_F3 = np.array([[0.4, 0.0, 0.0]])
        vertex = head().landmark_L3[head().landmark_names.index(name), 0]
        spot = pose(made, mouth_F3)[0, vertex]
        ring = np.radians(np.arange(0, 360, 30))
        around = np.stack([np.cos(ring), np.sin(ring), 0 * ring], -1) * 0.015
        towards_camera = (np.array([0, 0, 6.0]) - spot) * 0.25
        disc = np.concatenate([[spot], spot + around]) + towards_camera
        fan = np.array([[0, 1 + i, 1 + (i + 1) % 12] for i in range(12)])
        speck = Occluder("speck", disc[None], fan, np.ones((13, 3)), worn=False)
        rendered = render(replace(made, occluder=speck), mouth_F3, (384, 384))
        rows, columns = np.nonzero(rendered.labels_FHW[0] == Part.OCCLUDER)
        drawn = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        assert np.abs(drawn - at(rendered, name)[0]).max() < 0.5


def test_opening_opens_the_lips_and_shows_more_of_the_mouth() -> None:
    opening_F = np.linspace(0, 1, 6)
    for seed in range(6):
        made = scene(seed, 6)
        made.pose_F3[:] = made.pose_F3[0] * [0.5, 0.5, 0]
        made.shift_F2[:] = made.shift_F2[0]
        rendered = render(made, np.stack([opening_F, 0 * opening_F, 0 * opening_F], -1), (128, 128))
        gap_F = (at(rendered, "lower_inner") - at(rendered, "upper_inner"))[:, 1]
        assert (np.diff(gap_F) > 0.5).all()
        assert abs(gap_F[0]) < 0.1
        assert (np.diff(count(rendered, *INSIDE)) > 0).all()


def test_a_shut_mouth_shows_nothing_of_its_inside() -> None:
    rng = np.random.default_rng(1)
    for seed in range(50):
        mouth_F3 = mouths(rng, 2) * [0, 1, 1]
        assert count(render(scene(seed, 2), mouth_F3, (96, 96)), *INSIDE).max() <= 1


def _outer_lips(made: Scene, mouth_F3: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks of the triangles between the lips' outer edges, by a second rasteriser: plain numpy, a pixel wider."""
    model = head()
    x_V, v_V = model.uv_V2.T
    lips_V = (model.material_V == Material.SKIN) & (np.abs(v_V + 0.5) < 0.10) & (np.abs(x_V) < 0.36)
    chosen_V = lips_V | (model.material_V == Material.CAVITY)
    corners_T3 = model.triangles_T3[chosen_V[model.triangles_T3].all(1)]
    xy_FV2, _ = project(made, pose(made, mouth_F3), size)
    masks_FHW = np.zeros((len(mouth_F3), size[1], size[0]), bool)
    for xy_V2, mask_HW in zip(xy_FV2, masks_FHW, strict=True):
        xy_T32 = xy_V2[corners_T3]
        left, top = np.floor(xy_T32.min((0, 1))).astype(int) - 1
        right, bottom = np.ceil(xy_T32.max((0, 1))).astype(int) + 1
        window_HW = mask_HW[max(top, 0) : bottom, max(left, 0) : right]
        y_H1, x_W = np.mgrid[max(top, 0) : bottom, max(left, 0) : right][:, None] + 0.5
        a_T2, b_T2, c_T2 = xy_T32.transpose(1, 0, 2)[..., None, None]
        pairs = ((a_T2, b_T2), (b_T2, c_T2), (c_T2, a_T2))
        sides = [
            (q[:, 0] - p[:, 0]) * (y_H1 - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x_W - p[:, 0]) for p, q in pairs
        ]
        lengths = [np.hypot(*(q - p).transpose(1, 0, 2, 3)) + 1e-6 for p, q in pairs]
        away = np.stack([side / length for side, length in zip(sides, lengths, strict=True)])
        window_HW[:] = ((away > -1).all(0) | (away < 1).all(0)).any(0)
    return masks_FHW


def test_nothing_of_the_mouth_shows_outside_the_lips() -> None:
    rng = np.random.default_rng(2)
    for seed in range(100):
        made, mouth_F3 = scene(seed), mouths(rng, 1)
        rendered = render(made, mouth_F3, (96, 96))
        inside_FHW = np.isin(rendered.labels_FHW, INSIDE)
        assert not (inside_FHW & ~_outer_lips(made, mouth_F3, (96, 96))).any(), f"person {seed}"


def test_a_shut_eye_is_shut_and_an_open_one_open() -> None:
    for seed in range(20):
        made = scene(seed, 2, pose_F3=np.zeros((2, 3)), blink_F=np.array([0.0, 1.0]))
        rendered = render(made, np.zeros((2, 3)), (128, 128))
        for side in ("left", "right"):
            gap_F = (at(rendered, f"{side}_lid_lower") - at(rendered, f"{side}_lid_upper"))[:, 1]
            assert gap_F[0] > 2
            assert abs(gap_F[1]) < 0.08 * gap_F[0]


def test_no_background_shines_through_an_eye() -> None:
    rng = np.random.default_rng(3)
    corners = [
        head().landmark_names.index(f"left_{n}") for n in ("eye_inner", "eye_outer", "lid_upper", "lid_lower")
    ]
    for seed in range(30):
        made = scene(seed, 3, blink_F=np.array([0.0, 0.5, 1.0]))
        rendered = render(made, mouths(rng, 3), (192, 192))
        for xy_42, labels_HW in zip(rendered.landmarks_FL2[:, corners], rendered.labels_FHW, strict=True):
            for share in (0.1, 0.3, 0.5, 0.7, 0.9):
                x, y = (xy_42[0] * share + xy_42[1] * (1 - share)).astype(int)
                assert labels_HW[y, x] == Part.HEAD, f"person {seed}"


def test_the_face_mask_covers_every_mouth_and_cannot_know_it() -> None:
    rng = np.random.default_rng(4)
    for seed in range(10):
        made = scene(seed, 4)
        mask_FHW = face_mask(made, (96, 96))
        rendered = render(made, mouths(rng, 4) * [1, 0.5, 0.5], (96, 96))
        inside_FHW = np.isin(rendered.labels_FHW, INSIDE)
        assert (inside_FHW & ~mask_FHW).sum() <= 0.02 * inside_FHW.sum()
        hidden = replace(made, occluder=plate(4))
        np.testing.assert_array_equal(face_mask(hidden, (96, 96)), mask_FHW)
        assert (face_mask(made, (96, 96), jaw=0.0) != mask_FHW).any()


def test_the_same_scene_is_the_same_bytes() -> None:
    mouth_F3 = np.array([[0.5, 0.3, 0.1]] * 3)

    def once(seed: int) -> Rendered:
        noisy = Camera(0.41, np.array([0.5, 0.5]), noise=0.02, blur=0.004, gamma=1.1)
        return render(scene(seed, 3, camera=noisy), mouth_F3, (64, 64))

    first, again, other = once(5), once(5), once(6)
    assert first.rgb_FHWC.tobytes() == again.rgb_FHWC.tobytes()
    assert first.rgb_FHWC.tobytes() != other.rgb_FHWC.tobytes()
    assert (first.rgb_FHWC[0] != first.rgb_FHWC[1]).any()


def test_a_card_before_the_mouth_hides_the_mouth_and_its_landmarks() -> None:
    mouth_F3 = np.array([[0.8, 0.0, 0.0]])
    made = replace(scene(4), pose_F3=np.zeros((1, 3)))
    bare, hidden = (
        render(made, mouth_F3, (96, 96)),
        render(replace(made, occluder=plate(1)), mouth_F3, (96, 96)),
    )
    assert count(bare, *INSIDE) > 40
    assert count(hidden, *INSIDE) == 0
    names = head().landmark_names
    assert bare.visible_FL[0, names.index("lower_inner")]
    assert not hidden.visible_FL[0, names.index("lower_inner")]
    assert hidden.visible_FL[0, names.index("left_brow_middle")]
    np.testing.assert_array_equal(bare.landmarks_FL2, hidden.landmarks_FL2)


def test_what_is_worn_turns_with_the_head() -> None:
    made = replace(scene(4, 2, pose_F3=np.array([[-0.4, 0, 0], [0.4, 0, 0]])), shift_F2=np.zeros((2, 2)))
    for worn, moves in ((True, True), (False, False)):
        card = plate(2, z=1.2, worn=worn)
        labels = render(replace(made, occluder=card), np.zeros((2, 3)), (96, 96)).labels_FHW
        centres = [np.nonzero(frame == Part.OCCLUDER)[1].mean() for frame in labels]
        assert (centres[1] - centres[0] > 20) == moves


def test_far_sides_are_not_visible_and_near_ones_are() -> None:
    made = scene(9, 1, pose_F3=np.array([[1.2, 0, 0]]))
    visible_L = render(made, np.zeros((1, 3)), (160, 160)).visible_FL[0]
    names = head().landmark_names
    assert visible_L[names.index("left_eye_outer")]
    assert visible_L[names.index("mouth_left")]
    assert not visible_L[names.index("right_eye_outer")]
    assert not visible_L[names.index("right_jaw_4")]


def test_an_empty_room_is_only_its_backdrop_and_others_stand_before_a_picture() -> None:
    empty = scene(1, 2, person=None)
    room = render(empty, np.zeros((2, 3)), (80, 60))
    assert not room.labels_FHW.any()
    assert not room.visible_FL.any()
    front = render(scene(2, 2), np.zeros((2, 3)), (80, 60), behind=room)
    nothing = front.labels_FHW == Part.NOTHING
    assert 0.05 < nothing.mean() < 0.95
    inside = nothing.copy()
    for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        inside &= np.roll(nothing, shift, (1, 2))
    difference = np.abs(front.rgb_FHWC.astype(int) - room.rgb_FHWC)[inside]
    assert (difference > 2).mean() < 0.01


@pytest.mark.parametrize("name", ["ah", "ee", "oo"])
def test_a_jaw_and_a_mask_of_the_same_opening_agree(name: str) -> None:
    """The chin of a real open mouth ends where a mask with that jaw ends."""
    mouth = {"ah": [1.0, 0, 0], "ee": [0.3, 0.9, 0], "oo": [0.5, -0.9, 1.0]}[name]
    made = replace(scene(11), pose_F3=np.zeros((1, 3)))
    rendered = render(made, np.array([mouth]), (160, 160))
    mask_HW = face_mask(made, (160, 160), jaw=mouth[0] * JAW_OPEN)[0]
    chin = at(rendered, "chin")[0]
    column = np.nonzero(mask_HW[:, int(chin[0])])[0]
    assert abs(column.max() + 1 - chin[1]) < 3
