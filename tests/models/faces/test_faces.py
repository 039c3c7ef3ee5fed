"""The shared geometry of the face back-ends, YuNet's layout, and MediaPipe on real people."""

import sys

import av
import numpy as np
import pytest
import torch

from models.faces import load_face
from models.faces.boxes import crop, overlap
from models.faces.grid import STRIDES, cells, decode
from models.faces.identity import TEMPLATE_52
from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, RIGID
from models.faces.warp import apply, inverse, pixels, scaling, similarity, turned_square, warp
from models.faces.yunet import YuNetFaces, shape_of_five
from models.mini.world_pictures import make_shot
from models.weights.references import ModelError
from tests.media_files import DATA, needs_data

TASK = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"


def test_a_similarity_undoes_a_turn_a_scale_and_a_shift():
    angle, points_52 = 0.4, TEMPLATE_52
    turn_22 = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved_52 = points_52 @ turn_22.T + (30, -12)
    np.testing.assert_allclose(apply(similarity(moved_52, points_52), moved_52), points_52, atol=1e-9)


def test_a_similarity_never_mirrors():
    mirrored_52 = TEMPLATE_52 * (-1, 1)
    assert np.linalg.det(similarity(mirrored_52, TEMPLATE_52)[:, :2]) > 0


def test_warped_points_land_where_warped_pixels_do():
    rgb_HWC = np.zeros((90, 120, 3), np.uint8)
    rgb_HWC[40:44, 70:74] = 255
    for many, side in ((64, 60.0), (64, 110.0)):  # interpolated, and averaged
        to_source_23 = turned_square((66.0, 45.0), side, 25.0, many)
        grey_HW = warp(rgb_HWC, to_source_23, (many, many))[0]
        rows, columns = np.mgrid[:many, :many] + 0.5
        seen = np.array([(grey_HW * columns).sum(), (grey_HW * rows).sum()]) / grey_HW.sum()
        np.testing.assert_allclose(seen, apply(inverse(to_source_23), np.array([[72.0, 42.0]]))[0], atol=0.1)


def test_a_crop_turned_by_a_head_s_roll_stands_upright():
    """Positive roll: the top leans to the right of the picture."""
    top_2 = apply(turned_square((50.0, 50.0), 40.0, 30.0, 64), np.array([[32.0, 0.0]]))[0]
    assert top_2[0] > 55
    assert top_2[1] < 40


def test_shrinking_averages():
    noise_HWC = np.random.default_rng(0).integers(0, 256, (240, 240, 3), np.uint8)
    assert warp(noise_HWC, scaling(6.0), (40, 40)).std() < 16
    assert np.all(warp(noise_HWC, scaling(1.0), (240, 240)) == noise_HWC.transpose(2, 0, 1))


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.4, 9.0])
@pytest.mark.parametrize("degrees", [0.0, 12.0])
def test_single_pixels_are_those_of_the_whole_picture(scale, degrees):
    rng = np.random.default_rng(0)
    rgb_HWC = rng.integers(0, 255, (90, 120, 3), np.uint8)
    map_23 = turned_square((50.0, 40.0), 32 * scale, degrees, 32)
    columns_P, rows_P = rng.integers(0, 32, (2, 200))
    whole_3HW = warp(rgb_HWC, map_23, (32, 32))
    assert np.array_equal(pixels(rgb_HWC, map_23, columns_P, rows_P), whole_3HW[:, rows_P, columns_P])


def test_a_crop_is_black_outside_the_picture():
    rgb_HWC = np.full((10, 10, 3), 9, np.uint8)
    out = crop(rgb_HWC, (-5, 8, 10, 6))
    assert out.shape == (6, 10, 3)
    assert np.argwhere(out[..., 0] == 9).min(0).tolist() == [0, 5]
    assert (out == 9).sum() == 3 * 2 * 5
    assert crop(rgb_HWC, (50, 50, 4, 4)).sum() == 0


def outputs_for(faces, width, height):
    """YuNet's tensors for boxes (x, y, w, h, score), by its published formulas, the cell (c, r) given."""
    outputs = {}
    for stride in STRIDES:
        count = len(cells(width, height, stride))
        for name, size in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{name}_{stride}"] = np.zeros((1, count, size), np.float32)
    for stride, (c, r), (x, y, wide, high), five_52, score in faces:
        n = r * (width // stride) + c
        outputs[f"cls_{stride}"][0, n], outputs[f"obj_{stride}"][0, n] = score, score
        middle = (x + wide / 2) / stride - c, (y + high / 2) / stride - r
        outputs[f"bbox_{stride}"][0, n] = *middle, np.log(wide / stride), np.log(high / stride)
        outputs[f"kps_{stride}"][0, n] = (five_52 / stride - (c, r)).ravel()
    return outputs


def test_yunet_s_outputs_are_read_and_doubles_dropped():
    five_52 = TEMPLATE_52 / 2 + 20
    faces = [
        (16, (3, 2), (30.0, 20.0, 50.0, 60.0), five_52, 0.9),
        (16, (4, 2), (31.0, 21.0, 50.0, 60.0), five_52, 0.8),
        (8, (2, 9), (12.0, 70.0, 14.0, 16.0), five_52, 0.7),
        (32, (1, 1), (90.0, 10.0, 30.0, 30.0), five_52, 0.3),
    ]
    found = decode(outputs_for(faces, 160, 96), 160, 96, least=0.5)
    assert [round(guess.score, 3) for guess in found] == [0.9, 0.7]
    np.testing.assert_allclose(found[0].box, faces[0][2], atol=1e-4)
    np.testing.assert_allclose(found[1].box, faces[2][2], atol=1e-4)
    np.testing.assert_allclose(found[0].five_52, five_52, atol=1e-4)


@pytest.fixture(scope="module")
def mini():
    return load_face("mini", "mini:face")


@pytest.fixture(scope="module", params=["any", "fixed"])
def exported(request, mini, tmp_path_factory):
    """The mini detector as an ONNX file; YuNet's own comes with a fixed size or without."""
    path = tmp_path_factory.mktemp("yunet") / "detector.onnx"
    example = torch.zeros(1, 3, 96, 160) if request.param == "any" else torch.zeros(1, 3, 160, 160)
    names = list(mini.detector(example))
    axes = {"input": {2: "height", 3: "width"}} | {name: {1: "cells"} for name in names}
    torch.onnx.export(
        mini.detector,
        (example,),
        str(path),
        dynamo=False,
        input_names=["input"],
        output_names=names,
        dynamic_axes=axes if request.param == "any" else None,
    )
    return path, 0.999 if request.param == "any" else 0.85


def test_yunet_finds_what_the_same_network_finds_in_torch(mini, exported):
    """Pictures of 160 pixels, which neither back-end scales; a fixed size only adds black to them."""
    path, same = exported
    yunet = load_face("yunet", str(path))
    for person, size in ((3, (160, 96)), (4, (160, 160)), (5, (160, 90)), (6, (96, 160))):
        rgb_HWC = make_shot(9, person, 1, "bust", size, occluded=0).rgb_FHWC[0]
        ours, theirs = mini.guesses(rgb_HWC)[0], yunet.detect(rgb_HWC)[0]
        assert overlap(ours.box, theirs.box) > same
        assert theirs.score == pytest.approx(ours.score, abs=2 * (1 - same))
        shape = yunet.shape(rgb_HWC, theirs.box)
        assert np.abs(shape.five_52 - ours.five_52).max() < 0.15 * shape.size
        assert np.isnan(shape.opening)


def test_five_points_tell_how_a_head_is_turned():
    shots = [make_shot(10, person, 2, "close", (64, 64), occluded=0) for person in range(30)]
    said = [shape_of_five(five_52, 1.0) for shot in shots for five_52 in shot.five_F52]
    off_F3 = np.array([(s.yaw, s.pitch, s.roll) for s in said]) - np.concatenate([s.angles_F3 for s in shots])
    yaw, pitch, roll = np.abs(off_F3).mean(0)
    assert yaw < 3
    assert pitch < 6
    assert roll < 1


def test_another_onnx_file_is_refused():
    with pytest.raises(ModelError, match=r"identity\.onnx.*YuNet"):
        load_face("yunet", "mini:identity")


def test_without_mediapipe_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "models.faces.mediapipe", raising=False)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ModelError, match=r"redub\[mediapipe\].*libegl1 libgles2 libgl1"):
        load_face("mediapipe", "anything")


@pytest.fixture(scope="module")
def mediapipe():
    pytest.importorskip("mediapipe")
    faces = load_face("mediapipe", str(TASK))
    yield faces
    faces.close()


def picture(name, at):
    with av.open(str(DATA / name)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == at:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"{name} has no frame {at}")


@needs_data
def test_mediapipe_finds_small_faces_and_none_where_none_is(mediapipe):
    (face,) = mediapipe.detect(picture("clips/bird.mkv", 10))
    assert overlap(face.box, (275, 60, 67, 71)) > 0.7
    assert mediapipe.detect(picture("bad/no_face.mp4", 10)) == []
    assert len(mediapipe.detect(picture("bad/two_faces_left_speaks.mp4", 10))) == 2


@needs_data
def test_mediapipe_knows_how_a_head_is_turned(mediapipe):
    """retalking_1's man looks to the right of the picture, and his head leans there too."""
    rgb_HWC = picture("clips/retalking_1.mp4", 40)
    (face,) = mediapipe.detect(rgb_HWC)
    shape = mediapipe.shape(rgb_HWC, face.box)
    assert 10 < shape.yaw < 20
    assert 5 < shape.roll < 13
    assert shape.points_K2.shape == (478, 2)
    mirrored_HWC = np.ascontiguousarray(rgb_HWC[:, ::-1])
    x, y, wide, high = face.box
    twin = mediapipe.shape(mirrored_HWC, (rgb_HWC.shape[1] - x - wide, y, wide, high))
    assert abs(twin.yaw + shape.yaw) < 4
    assert abs(twin.roll + shape.roll) < 2
    assert abs(twin.pitch - shape.pitch) < 4
    assert twin.five_52[0, 0] < twin.five_52[1, 0]
    assert mediapipe.shape(rgb_HWC, (5, 600, 40, 40)) is None


def test_back_ends_say_which_points_are_the_mouths_and_which_speech_leaves_alone():
    mini, names = load_face("mini", "mini:face"), load_face("mini", "mini:face").names
    assert len(mini.mouth) == 14
    assert {names[n].partition("_")[0] for n in mini.mouth} == {"mouth", "upper", "lower"}
    assert not {names[n] for n in mini.steady} & {"chin", "nose_base", "left_jaw_1"}
    for mouth, steady, count in (
        (mini.mouth, mini.steady, len(names)),
        (YuNetFaces.mouth, YuNetFaces.steady, 5),
        ([*OUTER_LIPS, *INNER_RING], RIGID, 478),
    ):
        assert not set(mouth) & set(steady)
        assert len(steady) >= 3, "fewer do not say how a face is turned, placed and sized"
        assert max(*mouth, *steady) < count
