"""The shipped identity network on strangers, and what is refused in its place."""

import json

import numpy as np
import onnx
import pytest
import torch

from models.faces import load_identity
from models.faces.identity import SIDE, TEMPLATE_52, aligned
from models.faces.warp import apply, similarity
from models.mini.identity.measure import auc, judge
from models.mini.identity.train import Plan, make
from models.mini.world_pictures import make_shot
from models.weights.references import MINI, ModelError, resolve


@pytest.fixture(scope="module")
def embedder():
    return load_identity("mini:identity")


def test_no_reference_no_embedder():
    assert load_identity("") is None


def test_strangers_are_told_apart_across_pose_and_light(embedder):
    """0.97 is promised and measured on 150 people; 30 people may stray by 0.01."""
    assert judge(embedder, seed=91, strangers=30)["auc"] >= 0.96


def test_an_embedding_is_a_unit_vector_and_does_not_mind_the_picture_s_size(embedder):
    shot = make_shot(3, 8, 1, "close", (128, 128), occluded=0)
    rgb_HWC, five_52 = shot.rgb_FHWC[0], shot.five_F52[0]
    one, large = (
        embedder.embed(rgb_HWC, five_52),
        embedder.embed(rgb_HWC.repeat(3, 0).repeat(3, 1), five_52 * 3),
    )
    assert one.shape == (128,)
    assert one.dtype == np.float32
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert one @ large > 0.9


def test_a_face_comes_to_arcface_s_places():
    """A dot on each of the five points ends where the template says, half a pixel off for its convention."""
    turn_22 = np.array([[2.0, -0.7], [0.7, 2.0]])
    five_52 = TEMPLATE_52 @ turn_22.T + (60, 20)
    rgb_HWC = np.zeros((320, 320, 3), np.uint8)
    for x, y in five_52.astype(int):
        rgb_HWC[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop_HW = aligned(rgb_HWC, five_52)[0]
    for x, y in TEMPLATE_52:
        window_HW = crop_HW[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6]
        rows, columns = np.mgrid[-5:6, -5:6]
        at = np.array([(columns * window_HW).sum(), (rows * window_HW).sum()]) / window_HW.sum()
        np.testing.assert_allclose(at, (x - round(x), y - round(y)), atol=0.5)
    assert apply(similarity(five_52, TEMPLATE_52), five_52) == pytest.approx(TEMPLATE_52, abs=1e-6)


def test_auc_is_a_share_of_pairs():
    assert auc(np.array([0.9, 0.8]), np.array([0.1, 0.85, 0.2, 0.3])) == pytest.approx(7 / 8)


def test_training_is_reproducible():
    threads = torch.get_num_threads()
    try:
        one, two = (
            make(Plan(people=3, scenes=1, steps=5, batch_people=2, batch_pictures=2)).state_dict()
            for _ in range(2)
        )
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_file_says_where_it_comes_from():
    described = {prop.key: prop.value for prop in onnx.load(str(resolve("mini:identity"))).metadata_props}
    assert described["licence"] == "Apache-2.0"
    assert json.loads(described["plan"]) == vars(Plan())
    assert json.loads(described["plan"])["people"] >= 1500
    assert json.loads(described["measured"])["auc"] >= 0.97


def test_the_mini_weights_are_small():
    assert sum(path.stat().st_size for path in MINI.rglob("*") if path.is_file()) < 60e6


@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_bad_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "identity.onnx"
    path.write_bytes(resolve("mini:identity").read_bytes()[:-5000] if content is None else content)
    with pytest.raises(ModelError, match=str(path)):
        load_identity(str(path))


def test_a_network_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.onnx"
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    torch.onnx.export(net, (torch.zeros(1, 3, 8, 8),), str(path), dynamo=False)
    with pytest.raises(ModelError, match=f"other.onnx.*{SIDE}"):
        load_identity(str(path))
