import numpy as np
import pytest

from models.world.body.head import head
from models.world.body.morphable import FIVE, JAW_OPEN, Material, MorphableHead, Part
from models.world.people import make_person

STILL = np.zeros((1, 3))


def posed(model: MorphableHead, seed: int, opening: float = 0.0, **moves: float) -> np.ndarray:
    expression = np.array([[moves.get(name, 0.0) for name in model.expression_names]])
    jaw_F = np.array([opening * JAW_OPEN])
    return model.pose(make_person(seed).shape_K, expression, jaw_F, STILL)[0]


def place(model: MorphableHead, vertices_V3: np.ndarray, name: str) -> np.ndarray:
    return model.landmarks(vertices_V3[None])[0, model.landmark_names.index(name)]


def test_it_is_a_small_model_with_the_landmarks_that_faces_have() -> None:
    model = head()
    assert len(model.mean_V3) <= 4000
    assert 40 <= len(set(model.landmark_names)) == len(model.landmark_names) <= 60
    assert set(FIVE) <= set(model.landmark_names)
    eyes, nose, mouth = (place(model, model.mean_V3, n) for n in ("left_eye", "nose_tip", "mouth_left"))
    assert eyes[0] < 0
    assert abs(nose[0]) < 1e-6
    assert mouth[0] < 0
    assert abs(eyes[1] - 0.17) < 0.02
    assert abs(mouth[1] + 0.5) < 0.02
    assert nose[2] > 0.9


def test_a_stored_model_poses_as_the_one_that_was_stored(tmp_path) -> None:
    head().to_npz(tmp_path / "head.npz")
    again = MorphableHead.from_npz(tmp_path / "head.npz")
    assert again.landmark_names == head().landmark_names
    assert again.jaw.parent == head().jaw.parent
    for name, value in vars(head()).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value)
    np.testing.assert_array_equal(posed(again, 3, 0.7, width=0.5), posed(head(), 3, 0.7, width=0.5))


def test_another_archive_is_refused_by_name(tmp_path) -> None:
    np.savez(tmp_path / "other.npz", mean_V3=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"other.npz is no morphable head: it lacks .*identity_KV3"):
        MorphableHead.from_npz(tmp_path / "other.npz")


def test_the_pose_is_that_of_an_independent_float64_computation() -> None:
    model, person = head(), make_person(5)
    rng = np.random.default_rng(0)
    expression, jaw, (yaw, pitch, roll) = rng.normal(size=6), 0.3, (0.4, -0.2, 0.1)
    points = model.mean_V3.astype(float) + np.einsum("k,kvi->vi", person.shape_K, model.identity_KV3)
    points += np.einsum("e,evi->vi", expression, model.expression_EV3)

    def turn(axis: int, angle: float) -> np.ndarray:
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = np.eye(3)
        matrix[[i, j], [i, j]], matrix[i, j], matrix[j, i] = np.cos(angle), -np.sin(angle), np.sin(angle)
        return matrix

    for joint, matrix in (
        (model.jaw, turn(0, jaw)),
        (model.neck, turn(2, roll) @ turn(1, yaw) @ turn(0, pitch)),
    ):
        moved = (points - joint.pivot_3) @ matrix.T + joint.pivot_3
        points += joint.weights_V[:, None] * (moved - points)
    ours = model.pose(person.shape_K, expression[None], np.array([jaw]), np.array([[yaw, pitch, roll]]))[0]
    np.testing.assert_allclose(ours, points, atol=2e-5)


@pytest.mark.parametrize("move", ["width", "protrusion", "smile", "brow"])
def test_the_lips_stay_shut_whatever_moves_but_the_jaw(move: str) -> None:
    for seed in range(20):
        for amount in (-1.0, 1.0):
            lips_2M3 = _cavity(posed(head(), seed, **{move: amount}))
            np.testing.assert_allclose(lips_2M3[0], lips_2M3[1], atol=1e-6)


def _cavity(vertices_V3: np.ndarray) -> np.ndarray:
    return vertices_V3[head().material_V == Material.CAVITY].reshape(2, -1, 3)


def test_mouth_shapes_differ_as_their_names_say() -> None:
    def width(vertices_V3: np.ndarray) -> float:
        left, right = (place(head(), vertices_V3, name) for name in ("mouth_left", "mouth_right"))
        return right[0] - left[0]

    for seed in range(10):
        rest, spread = width(posed(head(), seed)), width(posed(head(), seed, width=1.0))
        narrow = posed(head(), seed, width=-0.9, protrusion=1.0)
        assert spread > 1.15 * rest
        assert width(narrow) < 0.65 * rest
        forward = place(head(), narrow, "upper_outer") - place(head(), posed(head(), seed), "upper_outer")
        assert forward[2] > 0.06


def test_every_identity_vector_shows_and_people_differ() -> None:
    model = head()
    assert sum(not name.startswith("hair") for name in model.identity_names) >= 12
    assert np.abs(model.identity_KV3).max((1, 2)).min() > 0.012
    faces = np.stack([model.landmarks(posed(model, seed)[None])[0] for seed in range(30)])
    distances = np.linalg.norm(faces[:, None] - faces[None], axis=-1).mean(-1)
    assert distances[~np.eye(30, dtype=bool)].min() > 0.015


def test_a_seed_is_a_person() -> None:
    first, again, other = make_person(7), make_person(7), make_person(8)
    np.testing.assert_array_equal(first.shape_K, again.shape_K)
    np.testing.assert_array_equal(first.skin, again.skin)
    assert first.voice == again.voice
    assert first.voice != other.voice
    assert not np.array_equal(first.skin, other.skin)


def test_what_is_inside_the_mouth_is_labelled_so() -> None:
    model = head()
    kinds = {Part.TEETH: Material.TOOTH, Part.TONGUE: Material.TONGUE, Part.MOUTH: Material.CAVITY}
    for part, material in kinds.items():
        corners = model.triangles_T3[model.part_T == part]
        assert len(corners)
        assert (model.material_V[corners] == material).all()
