"""MediaPipe's networks run without MediaPipe: what their numbers mean, hostile files, and real people."""

import zipfile

import av
import numpy as np
import pytest

from models.faces import load_face
from models.faces.blazeface import anchors, decode
from models.faces.boxes import overlap
from models.faces.carrier import carried
from models.faces.mesh_shape import BONE, STRAIGHT_83, angles_of_mesh, shape_of_mesh
from models.faces.squares import edged
from models.weights.references import ModelError
from tests.media_files import DATA, needs_data
from tests.registry_files import FINDER, FINDER_FAR, MESH, needs_weights

TASK = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"
needs_faces = needs_weights(FINDER, FINDER_FAR, MESH)


def test_each_anchor_is_the_middle_of_its_cell():
    near, far = anchors(896), anchors(2304)
    assert near[[0, 1, 2, 511]].tolist() == [[1 / 32, 1 / 32]] * 2 + [[3 / 32, 1 / 32], [31 / 32, 31 / 32]]
    assert near[512:518].tolist() == [[1 / 16, 1 / 16]] * 6
    assert far[49].tolist() == [1.5 / 48, 1.5 / 48]


def guesses_at(faces):
    """The detector's numbers for boxes (x, y, width, height) in 128 pixels, each told by an anchor."""
    guesses_N16, logits_N = np.zeros((896, 16), np.float32), np.full(896, -50, np.float32)
    for n, (x, y, wide, high), logit in faces:
        at = anchors(896)[n] * 128
        guesses_N16[n] = [*((x + wide / 2, y + high / 2) - at), wide, high, *np.tile((x, y) - at, 6)]
        logits_N[n] = logit
    return guesses_N16, logits_N


def test_the_guesses_at_one_face_become_their_mean_by_score():
    faces = [
        (200, (20, 30, 40, 40), 2.0),
        (201, (22, 30, 40, 40), 0.0),
        (700, (80, 80, 20, 20), 1.0),
        (1, (0, 0, 9, 9), -1),
    ]
    first, second = decode(*guesses_at(faces), 128, 0.5)
    sure = 1 / (1 + np.exp(-2.0))
    assert first.score == pytest.approx(sure)
    np.testing.assert_allclose(first.box, ((20 * sure + 22 * 0.5) / (sure + 0.5), 30, 40, 40), atol=1e-4)
    np.testing.assert_allclose(first.points_P2[3], first.box[:2], atol=1e-4)
    np.testing.assert_allclose(second.moved(2.0, (5.0, 7.0)).box, (165, 167, 40, 40), atol=1e-4)


def test_numbers_that_are_no_box_are_no_face():
    assert decode(*guesses_at([(9, (20, 30, -40, 40), 9.0)]), 128, 0.5) == []
    guesses_N16, logits_N = guesses_at([])
    assert decode(guesses_N16 * np.nan, logits_N * np.nan, 128, 0.5) == []


def mesh_turned(yaw, pitch, roll, size=100.0):
    """A mesh whose bone points are those of the straight face, turned: nods first, rolls last."""
    y, p, r = np.radians((yaw, -pitch, -roll))
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points_K3 = np.random.default_rng(0).normal(0, 10, (468, 3))
    points_K3[list(BONE)] = STRAIGHT_83 @ (lean @ turn @ nod).T * (1, -1, -1) * size + (200, 150, 30)
    return points_K3


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (-40, 10, 0), (0, -20, 15), (12, 8, -30)])
def test_a_mesh_tells_how_a_head_is_turned(angles):
    np.testing.assert_allclose(angles_of_mesh(mesh_turned(*angles)), angles, atol=1e-6)


def test_a_head_that_looks_right_shows_its_nose_right_of_its_eyes():
    right, up, leaning = mesh_turned(30, 0, 0), mesh_turned(0, 20, 0), mesh_turned(0, 0, 20)
    middle = lambda mesh: (mesh[33] + mesh[263])[:2] / 2  # noqa: E731
    assert right[1, 0] > middle(right)[0] + 5
    assert up[1, 1] - middle(up)[1] < mesh_turned(0, 0, 0)[1, 1] - middle(mesh_turned(0, 0, 0))[1]
    assert leaning[10, 0] > middle(leaning)[0] + 5
    assert shape_of_mesh(right, 0.9).score == 0.9


def test_the_edge_of_the_picture_is_repeated_beyond_it():
    rgb_HWC = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    part, corner = edged(rgb_HWC, (-2.5, 1.2, 5, 5))
    assert corner == (-3, 1)
    assert part.shape == (6, 6, 3)
    assert np.array_equal(part[:3, 3:], rgb_HWC[1:, :3])
    assert np.array_equal(part[5, 0], rgb_HWC[3, 0])
    assert edged(rgb_HWC, (1, 1, 2, 2))[0] is rgb_HWC
    assert edged(rgb_HWC, (1e9, -1e9, 1e9, 1e9))[0].size <= 27 * rgb_HWC.size


def test_files_are_found_in_folders_and_zips_and_none_is_taken_that_swells(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "one.tflite").write_bytes(b"1")
    packed = tmp_path / "two.task"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as held:
        held.writestr("a/one.tflite", b"2")
        held.writestr("large.tflite", bytes(40 << 20))
    assert carried(tmp_path / "in", "one.tflite") == b"1"
    assert carried(packed, "one.tflite") == b"2"
    assert carried(packed, "none") is None
    with pytest.raises(ModelError, match=r"two\.task.*large\.tflite has more than 32 MB"):
        carried(packed, "large.tflite")
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(ModelError, match=r"two\.task cannot be read.*pull or copy it again"):
        carried(packed, "one.tflite")


@needs_faces
def test_files_that_are_no_such_networks_are_refused_by_their_names(tmp_path):
    whole, broken = FINDER.read_bytes(), tmp_path / "broken.tflite"
    for damaged in (b"", b"<html>", whole[:5000], whole[: len(whole) // 2]):
        broken.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"broken\.tflite is not a TensorFlow Lite model"):
            load_face("mesh", f"{broken} + {MESH}")
    with pytest.raises(ModelError, match=r"face_landmark\.tflite.*1404.*detector.*needed"):
        load_face("mesh", f"{MESH} + {MESH}")
    with pytest.raises(ModelError, match=r"holds neither.*mediapipe==0\.10\.21"):
        load_face("mesh", str(tmp_path.parent / tmp_path.name))


@pytest.fixture(scope="module")
def mesh():
    return load_face("mesh", f"{FINDER_FAR} + {FINDER} + {MESH}")


def picture(name, at):
    with av.open(str(DATA / name)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == at:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"{name} has no frame {at}")


@needs_data
@needs_faces
def test_every_face_is_found_and_none_where_none_is(mesh):
    for clip in sorted((DATA / "clips").iterdir()):
        assert len(mesh.detect(picture(f"clips/{clip.name}", 10))) == 1, clip.name
    (face,) = mesh.detect(picture("clips/bird.mkv", 10))
    assert overlap(face.box, (275, 60, 67, 71)) > 0.7
    assert mesh.detect(picture("bad/no_face.mp4", 10)) == []
    assert len(mesh.detect(picture("bad/two_faces_left_speaks.mp4", 10))) == 2


@needs_data
@needs_faces
def test_a_face_that_is_known_is_given_as_it_is_known_and_another_is_found_beside_it(mesh):
    rgb_HWC = picture("bad/two_faces_left_speaks.mp4", 10)
    one, other = (face.box for face in mesh.detect(rgb_HWC))
    known = (one[0] + 1, *one[1:])
    again = {face.box for face in mesh.detect(rgb_HWC, [known])}
    assert again == {known, other}


@needs_data
@needs_faces
def test_a_small_face_in_a_large_picture_is_found_in_its_squares(mesh):
    face_HWC = picture("clips/lbbc2a.mpg", 10)[::4, ::4]
    rgb_HWC = np.full((720, 1280, 3), 90, np.uint8)
    rgb_HWC[600 : 600 + face_HWC.shape[0], 1100 : 1100 + face_HWC.shape[1]] = face_HWC
    (face,) = mesh.detect(rgb_HWC)
    assert overlap(face.box, (1100 + 126 / 4, 600 + 122 / 4, 34, 40)) > 0.5


@needs_data
@needs_faces
def test_a_mirrored_face_is_turned_the_other_way(mesh):
    """retalking_1's man looks to the right of the picture, and his head leans there too."""
    rgb_HWC = picture("clips/retalking_1.mp4", 40)
    (face,) = mesh.detect(rgb_HWC)
    shape = mesh.shape(rgb_HWC, face.box)
    assert 10 < shape.yaw < 20
    assert 5 < shape.roll < 13
    assert shape.points_K2.shape == (468, 2)
    x, y, wide, high = face.box
    twin = mesh.shape(np.ascontiguousarray(rgb_HWC[:, ::-1]), (rgb_HWC.shape[1] - x - wide, y, wide, high))
    assert abs(twin.yaw + shape.yaw) < 4
    assert abs(twin.roll + shape.roll) < 2
    assert abs(twin.pitch - shape.pitch) < 4
    assert mesh.shape(rgb_HWC, (5, 600, 40, 40)) is None


@needs_data
@needs_faces
def test_a_face_that_moved_is_still_the_one_near_its_last_place(mesh):
    rgb_HWC = picture("clips/pwij3p.mpg", 10)
    (face,) = mesh.detect(rgb_HWC)
    still, (x, y, wide, high) = mesh.shape(rgb_HWC, face.box), face.box
    for box in ((x + wide / 3, y, wide, high), (x, y - high / 3, wide / 2, high), (x, y, 2 * wide, 2 * high)):
        found = mesh.shape(rgb_HWC, box)
        assert np.linalg.norm(found.points_K2 - still.points_K2, axis=1).mean() < 0.02 * still.size


@needs_data
@needs_faces
@pytest.mark.parametrize("reference", ["task", "mediapipe"])
def test_the_points_are_where_mediapipe_s_own_task_sees_them(mesh, reference):
    """Within 3% of the face; lips too. The newer mesh, run here, and by MediaPipe itself where it can start."""
    if reference == "mediapipe":
        pytest.importorskip("mediapipe")
    theirs = load_face("mesh" if reference == "task" else "mediapipe", str(TASK))
    for name in ("bbaf2n.mpg", "lbax4n.mpg", "book.mkv", "latentsync_demo1.mp4", "retalking_5.mp4"):
        rgb_HWC = picture(f"clips/{name}", 20)
        (face,) = mesh.detect(rgb_HWC)
        ours, other = mesh.shape(rgb_HWC, face.box), theirs.shape(rgb_HWC, face.box)
        away_K = np.linalg.norm(ours.points_K2 - other.points_K2[:468], axis=1) / other.size
        assert away_K.mean() < 0.03, name
        assert away_K[list(mesh.mouth)].mean() < 0.03, name
        assert abs(ours.yaw - other.yaw) < 5, name
        assert abs(ours.roll - other.roll) < 3, name
        assert abs(ours.opening - other.opening) < 0.03, name
    theirs.close()
