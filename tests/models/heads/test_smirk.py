"""SMIRK's networks and FLAME's geometry, as far as they can be held to account without either's files."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.heads import load_head
from models.heads.fit import TrackedFace
from models.heads.flame import JAW, Flame, rims, turned, without_holes
from models.heads.masks import filled
from models.heads.mobilenet import LARGE, SMALL, MobileNet, SamePad
from models.heads.smirk import PREFIX, Smirk
from models.heads.smoothing import bridged
from models.weights.references import ModelError

COLUMNS, ROWS = 13, 13
FRONT = COLUMNS * ROWS


def sheet():
    """A face-like patch: a grid that bulges to the camera, its middle missing as an open mouth would be."""
    x, y = np.meshgrid(np.linspace(-0.08, 0.08, COLUMNS), np.linspace(0.1, -0.1, ROWS))
    points_V3 = np.stack([x, y, 0.08 - 12 * x**2 - y**2], -1).reshape(-1, 3)
    corners = np.arange(FRONT).reshape(ROWS, COLUMNS)
    a, b, c, d = (corners[i : i + ROWS - 1, j : j + COLUMNS - 1] for i in (0, 1) for j in (0, 1))
    kept = np.ones(a.shape, bool)
    kept[8, 5:7] = False
    triangles = [np.stack(three, -1)[kept] for three in ((a, c, b), (b, c, d))]
    return points_V3, np.concatenate(triangles)


@pytest.fixture(scope="module")
def flame_file(tmp_path_factory):
    rng, (points_V3, triangles_T3) = np.random.default_rng(0), sheet()
    follows_VJ = np.zeros((FRONT, 5))
    follows_VJ[:, JAW] = np.clip(-points_V3[:, 1] * 20, 0, 1)
    follows_VJ[:, 1] = 1 - follows_VJ[:, JAW]
    joints_JV = rng.dirichlet(np.ones(FRONT), 5)
    joints_JV[JAW] = (
        np.isin(np.arange(FRONT), [5 * COLUMNS, 6 * COLUMNS - 1]) / 2
    )  # above and behind the chin
    lips = [v for v in range(FRONT) if abs(points_V3[v, 0]) < 0.05 and -0.07 < points_V3[v, 1] < -0.01]
    path = tmp_path_factory.mktemp("flame") / "flame.npz"
    np.savez(
        path,
        v_template=points_V3,
        shapedirs=rng.normal(0, 1e-4, (FRONT, 3, 400)),
        posedirs=rng.normal(0, 1e-3, (FRONT, 3, 36)),
        weights=follows_VJ,
        J_regressor=joints_JV,
        f=triangles_T3,
        face=np.arange(FRONT),
        lips=np.array(lips),
    )
    return path


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    torch.manual_seed(0)
    net = Smirk()
    with torch.no_grad():
        net.pose_encoder.pose_cam_layers[0].bias[:] = torch.tensor([0.05, 0.3, -0.05, 9.0, 0.002, 0.004])
        net.expression_encoder.expression_layers[0].bias[52] = 0.2
    stored = {PREFIX + key: value for key, value in net.state_dict().items()}
    path = tmp_path_factory.mktemp("smirk") / "SMIRK_em1.pt"
    torch.save(stored | {"smirk_generator.x": torch.zeros(2)}, path)
    return path


def test_the_backbones_are_as_large_as_published():
    """2.04 and 3.92 million with timm's classifiers, which are left out here: one layer more, and 1000 classes."""
    for layout, middle, published in ((SMALL, 1024, 2.04), (LARGE, 1280, 3.92)):
        with torch.device("meta"):
            net = MobileNet(layout)
        count = sum(weight.numel() for weight in net.parameters())
        classifier = (layout.last + 1) * middle + (middle + 1) * 1000
        assert round((count + classifier) / 1e6, 2) == published
    names = set(net.state_dict())
    assert {
        "conv_stem.weight",
        "bn1.running_mean",
        "blocks.0.0.conv_dw.weight",
        "blocks.6.0.conv.weight",
    } <= names
    assert {"blocks.1.0.conv_pw.weight", "blocks.1.0.bn3.bias", "blocks.5.2.conv_pwl.weight"} <= names


def test_an_odd_pixel_of_padding_goes_to_the_right_and_below():
    layer = SamePad(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(layer.weight)
    out_11HW = layer(torch.ones(1, 1, 8, 8))
    assert out_11HW.shape == (1, 1, 4, 4)
    assert (out_11HW[0, 0, 0, 0], out_11HW[0, 0, -1, -1]) == (9, 4)
    assert layer(torch.ones(1, 1, 7, 7))[0, 0, 0, 0] == layer(torch.ones(1, 1, 7, 7))[0, 0, -1, -1] == 4


def test_flame_is_posed_as_an_independent_computation_does(flame_file):
    rng, flame = np.random.default_rng(1), Flame(str(flame_file))
    shape_S, expression_1E, jaw_13 = (
        rng.normal(0, 1, 300),
        rng.normal(0, 1, (1, 50)),
        np.array([[0.3, 0.1, -0.05]]),
    )
    with np.load(flame_file) as stored:
        bases, folds, follows, regressor, mean = (
            stored[k].astype(np.float64)
            for k in ("shapedirs", "posedirs", "weights", "J_regressor", "v_template")
        )
    shaped = mean + bases[..., :300] @ shape_S
    joint = (regressor @ shaped)[2]
    shaped = shaped + bases[..., 300:350] @ expression_1E[0]
    angle = np.linalg.norm(jaw_13)
    x, y, z = jaw_13[0] / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    features = np.concatenate([(m - np.eye(3)).ravel() for m in (np.eye(3), turn, np.eye(3), np.eye(3))])
    shaped = shaped + folds @ features
    still, moves = np.eye(4), np.eye(4)
    moves[:3, :3], moves[:3, 3] = turn, joint - turn @ joint
    blended = np.einsum("vj,jab->vab", follows, np.stack([still, still, moves, still, still]))
    wanted = np.einsum("vab,vb->va", blended, np.column_stack([shaped, np.ones(FRONT)]))[:, :3]
    assert flame.posed(shape_S, expression_1E, jaw_13)[0] == pytest.approx(wanted, abs=1e-6)
    assert turned(np.zeros((1, 3)))[0] == pytest.approx(np.eye(3))


def test_the_mouths_hole_is_closed_and_the_rim_is_not():
    _, triangles_T3 = sheet()
    assert sorted(map(len, rims(triangles_T3))) == [6, 4 * (COLUMNS - 1)]
    closed_T3 = without_holes(triangles_T3)
    assert len(closed_T3) == len(triangles_T3) + 4
    assert [len(rim) for rim in rims(closed_T3)] == [4 * (COLUMNS - 1)]


def test_a_clip_is_fitted_and_the_face_drawn_whatever_the_jaw(flame_file, weights_file):
    fitter = load_head("smirk", str(weights_file), str(flame_file))
    rng = np.random.default_rng(0)
    rgb_FHWC = rng.integers(0, 255, (4, 96, 96, 3), np.uint8)
    five_F52 = np.tile(np.array([(38, 38), (58, 38), (48, 48), (40, 60), (56, 60)], np.float32), (4, 1, 1))
    five_F52[2] = np.nan
    fit = fitter.fit(TrackedFace(rgb_FHWC, five_F52))
    assert fit.seen_F.tolist() == [True, True, False, True]
    assert (fit.shape_K.shape, fit.expression_FE.shape) == ((300,), (4, 50))
    assert fit.jaw_F[0] == pytest.approx(0.2, abs=0.1)
    assert fit.pose_F3[0] == pytest.approx([0.3, 0.05, -0.05], abs=0.15)
    whole = bridged(fit)
    other = replace(whole, jaw_F=whole.jaw_F + 0.1)
    one, two = (filled(fitter.face(w, 0.4, 96), 96) for w in (whole, other))
    assert (one == two).all()
    assert 0.05 < one.mean() < 0.9
    shut = filled(fitter.face(whole, 0.0, 96), 96)
    assert shut.sum() < one.sum()
    assert filled(fitter.lips(whole, 96), 96).sum() < one.sum()


def test_files_that_are_missing_or_pickled_are_refused(flame_file, weights_file, tmp_path, monkeypatch):
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match=r"flame"):
        load_head("smirk", str(weights_file), "own:flame/flame.npz")
    pickled = tmp_path / "generic_model.pkl"
    pickled.write_bytes(pickle.dumps({"v_template": [0]}))
    with pytest.raises(ModelError, match=r"generic_model\.pkl is not FLAME.*makes flame\.npz.*mediapipe"):
        load_head("smirk", str(weights_file), str(pickled))
    lacking = tmp_path / "flame.npz"
    np.savez(lacking, v_template=np.zeros((4, 3)))
    with pytest.raises(ModelError, match="is not FLAME"):
        load_head("smirk", str(weights_file), str(lacking))
    torch.save({PREFIX + "pose_encoder.x": torch.zeros(1)}, tmp_path / "other.pt")
    pickled.write_bytes(pickle.dumps(Smirk))
    for path in (tmp_path / "other.pt", pickled):
        with pytest.raises(ModelError, match="does not hold SMIRK"):
            load_head("smirk", str(path), str(flame_file))
