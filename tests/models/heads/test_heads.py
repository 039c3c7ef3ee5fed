"""What is computed of a fitted head, held against formulas and faces made to measure."""

import numpy as np
import pytest
import torch

from models.faces.landmarks478 import (
    CHIN,
    FOREHEAD,
    INNER_RING,
    JAW_JOINTS,
    KEPT,
    NOSE,
    OUTER_LIPS,
    OVAL,
    RIGID,
)
from models.heads import load_head
from models.heads.coefficients import FRAME_COEFFICIENTS, SHAPE_COEFFICIENTS
from models.heads.fit import Fit, Surface, fan
from models.heads.jaw import fit_of_points, points_with_jaw
from models.heads.masks import dilated, filled, outline
from models.heads.mouth_leak import mouth_r2
from models.heads.smoothing import bridged, longest_gap, smoothed
from models.heads.torch_head import TorchHead
from models.weights.references import ModelError
from models.world.body.head import head
from models.world.body.morphable import rotations
from models.world.raster import CAMERA_Z


def fit_of(frames, **given):
    made = {
        "shape_K": np.zeros(4),
        "expression_FE": np.zeros((frames, 2)),
        "jaw_F": np.zeros(frames),
        "pose_F3": np.zeros((frames, 3)),
        "camera_F3": np.zeros((frames, 3)),
        "landmarks_FL2": np.zeros((frames, 5, 2)),
    }
    return Fit(**made | given)


def test_the_head_with_gradients_is_the_head_that_draws():
    rng, model = np.random.default_rng(1), head()
    some = rng.choice(len(model.mean_V3), 200, replace=False)
    shape_BS, moves_BM = (
        rng.normal(0, 1, (6, len(SHAPE_COEFFICIENTS))),
        rng.uniform(-0.5, 0.5, (6, len(FRAME_COEFFICIENTS))),
    )
    moves_BM[:, FRAME_COEFFICIENTS.index("opening")] = np.linspace(0, 1, 6)
    tensors = (torch.from_numpy(values).float() for values in (shape_BS, moves_BM))
    soft_BN2 = TorchHead(model, some, SHAPE_COEFFICIENTS)(*tensors).numpy()
    for b in range(6):
        move = dict(zip(FRAME_COEFFICIENTS, moves_BM[b], strict=True)) | {
            "part": min(moves_BM[b, 0] / 0.3, 1)
        }
        shape_K = np.zeros(len(model.identity_names))
        shape_K[[model.identity_names.index(name) for name in SHAPE_COEFFICIENTS]] = shape_BS[b]
        expression_1E = np.array([[move[name] for name in model.expression_names]])
        neck_13 = np.array([[move[name] for name in ("yaw", "pitch", "roll")]])
        (posed_V3,) = model.pose(shape_K, expression_1E, np.array([0.4 * move["opening"]]), neck_13)
        unit_N = CAMERA_Z * np.exp(move["scale"]) / (CAMERA_Z - posed_V3[some, 2])
        assert soft_BN2[b, :, 0] == pytest.approx(move["x"] + posed_V3[some, 0] * unit_N, abs=1e-4)
        assert soft_BN2[b, :, 1] == pytest.approx(move["y"] - posed_V3[some, 1] * unit_N, abs=1e-4)


# -- the hinge -----------------------------------------------------------------------------------------


def face478(seed):
    """A shut face, upright, its hinge along x through the origin: x right, y up, z near."""
    rng = np.random.default_rng(seed)
    points_P3 = rng.uniform(-0.3, 0.3, (478, 3))
    around = np.arange(len(OVAL)) * 2 * np.pi / len(OVAL)
    points_P3[OVAL] = np.stack([0.5 * np.sin(around), 0.05 + 0.6 * np.cos(around), 0 * around], 1)
    points_P3[OVAL, 2] = 0.35 * np.abs(np.cos(around))
    points_P3[list(JAW_JOINTS)] = [[-0.5, 0, 0], [0.5, 0, 0]]
    points_P3[[FOREHEAD, CHIN, NOSE]] = [[0, 0.65, 0.3], [0, -0.55, 0.3], [0, 0, 0.6]]
    ring = np.arange(20) * 2 * np.pi / 20
    for lips, size in ((OUTER_LIPS, 0.06), (INNER_RING, 0.0)):
        points_P3[lips] = np.stack([-0.15 * np.cos(ring), -0.3 + size * np.sin(ring), 0.4 + 0 * ring], 1)
    points_P3[[p for p in RIGID if p not in OVAL and p != NOSE]] += (0, 0.2, 0.3)
    return points_P3


def filmed(shut_P3, jaw_F, seed):
    """As MediaPipe sees it: the lower face swung, the head turned and placed; shares of the side, y down, z away."""
    rng = np.random.default_rng(seed)
    pose_F3 = rng.uniform(-1, 1, (len(jaw_F), 3)) * (0.5, 0.2, 0.2)
    lower_P = (shut_P3[:, 1] < -0.3) | np.isin(np.arange(478), [14])
    lower_P[list(RIGID)] = False
    points = []
    for jaw, turn_33 in zip(jaw_F, rotations(pose_F3), strict=True):
        swung = shut_P3.copy()
        y, z = shut_P3[lower_P, 1], shut_P3[lower_P, 2]
        swung[lower_P, 1], swung[lower_P, 2] = (
            np.cos(jaw) * y - np.sin(jaw) * z,
            np.sin(jaw) * y + np.cos(jaw) * z,
        )
        points.append((0.4 * swung @ turn_33.T + (0.5, -0.45, 0)) * (1, -1, -1))
    return np.stack(points), pose_F3


def test_the_jaw_and_the_pose_are_read_from_landmarks():
    jaw_F = np.linspace(0, 0.25, 30)
    points_FP3, pose_F3 = filmed(face478(0), jaw_F, 1)
    fit = fit_of_points(points_FP3, np.zeros((30, 52)))
    assert fit.jaw_F == pytest.approx(jaw_F, abs=0.01)
    turned_F = fit.pose_F3 - pose_F3
    assert np.ptp(turned_F, axis=0).max() < 0.06, "but for where this face looks when it looks straight"


def test_the_opened_face_is_the_same_whatever_the_mouth_did():
    shut, jaw_F = face478(0), np.full(20, 0.02)
    talking_F = np.abs(np.sin(np.arange(20))) * 0.25
    still, talks = (
        points_with_jaw(fit_of_points(filmed(shut, j, 1)[0], np.zeros((20, 52))), 0.4)
        for j in (jaw_F, talking_F)
    )
    assert np.abs(still - talks).max() < 0.012, "of the side; the chin itself moved by"
    chins = [filmed(shut, j, 1)[0][:, CHIN] for j in (jaw_F, talking_F)]
    assert np.abs(chins[0] - chins[1]).max() > 0.04
    chin, nose = (KEPT.index(point) for point in (CHIN, NOSE))
    reach = np.linalg.norm(still[:, chin] - still[:, nose], axis=1)
    assert (reach > np.linalg.norm(chins[0][:, :2] - filmed(shut, jaw_F, 1)[0][:, NOSE, :2], axis=1)).all()


def test_frames_without_landmarks_stay_lost():
    points_FP3, _ = filmed(face478(0), np.zeros(10), 1)
    points_FP3[3:5] = np.nan
    points_FP3[7, 200] = np.nan
    assert np.flatnonzero(~fit_of_points(points_FP3, np.zeros((10, 52))).seen_F).tolist() == [3, 4, 7]


# -- time ----------------------------------------------------------------------------------------------


def test_lost_frames_lie_between_their_neighbours():
    pose_F3 = np.repeat(np.arange(8.0)[:, None], 3, 1)
    fit = fit_of(8, pose_F3=pose_F3.astype(np.float32)).without(np.isin(np.arange(8), [0, 3, 4, 7]))
    assert longest_gap(fit.seen_F) == 2
    whole = bridged(fit)
    assert whole.seen_F.all()
    assert whole.pose_F3[:, 0].tolist() == [1, 1, 2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize(("seen", "longest"), [("", 0), ("1", 0), ("0", 1), ("0010001", 3), ("1100", 2)])
def test_the_longest_gap(seen, longest):
    assert longest_gap(np.array([letter == "1" for letter in seen], bool)) == longest


def test_smoothing_stills_the_head_and_leaves_the_lips():
    rng = np.random.default_rng(0)
    fit = fit_of(40, pose_F3=rng.normal(1, 0.1, (40, 3)), jaw_F=rng.uniform(0, 0.4, 40))
    still = smoothed(fit, 2.0)
    assert still.pose_F3.std() < 0.5 * fit.pose_F3.std()
    assert still.pose_F3.mean() == pytest.approx(fit.pose_F3.mean(), abs=0.02)
    assert (still.jaw_F == fit.jaw_F).all()
    assert smoothed(fit, 0) is fit


def test_a_fit_survives_being_stored():
    fit = fit_of(5).without(np.arange(5) == 2)
    again = Fit.from_bytes(fit.to_bytes())
    assert again.seen_F.tolist() == [True, True, False, True, True]
    assert again.landmarks_FL2.shape == (5, 5, 2)


# -- masks ---------------------------------------------------------------------------------------------


def test_a_fan_fills_its_outline():
    ring_12 = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], 1) * 20 + 32
    for centre, points in ((None, ring_12), (12, np.concatenate([ring_12, [[32, 32]]]))):
        mask_1HW = filled(Surface(points[None], fan(list(range(12)), centre)), 64)
        assert mask_1HW.sum() == pytest.approx(3 * 20**2, rel=0.02)
        assert mask_1HW[0, 32, 32]


def test_dilation_reaches_as_far_on_all_sides():
    dot_1HW = np.zeros((1, 41, 41), bool)
    dot_1HW[0, 20, 20] = True
    y, x = np.nonzero(dilated(dot_1HW, 8)[0])
    assert (x.min(), x.max(), y.min(), y.max()) == (12, 28, 12, 28)
    assert np.hypot(x - 20, y - 20).max() < 9.5
    solid = [dilated(dot_1HW, pixels)[0, 20].sum() for pixels in range(12)]
    assert solid == [2 * pixels + 1 for pixels in range(12)], "without gaps"
    assert dilated(dot_1HW, 0).sum() == 1
    corner = np.zeros((2, 5, 5), bool)
    corner[0, 0, 0] = True
    assert dilated(corner, 1)[0].sum() == 4
    assert not dilated(corner, 2)[1].any(), "frames are apart"
    assert outline(dilated(dot_1HW, 1)).sum() == 8


def test_what_a_mask_tells_is_found_and_what_it_does_not_is_not():
    rng = np.random.default_rng(0)
    masks, told, secret = [], [], []
    for _ in range(16):
        mask_FHW, low_F = np.zeros((20, 64, 64), bool), rng.integers(0, 10, 20)
        left, top = rng.integers(5, 20, 2)
        for mask_HW, low in zip(mask_FHW, low_F, strict=True):
            mask_HW[top : top + 25 + low, left : left + 30] = True
        masks.append(mask_FHW)
        told.append(low_F / 10)
        secret.append(rng.uniform(0, 1, 20))
    assert mouth_r2(masks, told) > 0.9
    assert mouth_r2(masks, secret) < 0.1


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mini", "mediapipe"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_bad_weights_are_refused_by_name(tmp_path, kind, content):
    path = tmp_path / "head.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{path}|redub\[mediapipe\]"):
        load_head(kind, str(path))


def test_weights_of_another_model_are_refused():
    with pytest.raises(ModelError, match=r"models\.mini\.headfit"):
        load_head("mini", "mini:face")
    with pytest.raises(ModelError, match="no head back-end"):
        load_head("flame", "mini:face")
