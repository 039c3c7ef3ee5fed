"""Faces are cropped and told apart by torch as they are by numba and onnxruntime, and gradients pass."""

import numpy as np
import pytest
import torch
from torch import nn

from models.faces.identity import SIDE, ArcFaceEmbedder, aligned
from models.faces.onnx_as_torch import OnnxAsTorch
from models.faces.warp import turned_square, warp
from models.faces.warp_gradient import warped
from models.weights.onnxfile import session
from models.weights.references import ModelError


class Residual(nn.Module):
    """A block as ArcFace's residual networks have it."""

    def __init__(self, inner: int, outer: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inner), nn.Conv2d(inner, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer),
            nn.PReLU(outer), nn.Conv2d(outer, outer, 3, 2, 1, bias=False), nn.BatchNorm2d(outer),
        )  # fmt: skip
        self.beside = nn.Sequential(nn.Conv2d(inner, outer, 1, 2, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        return self.body(x) + self.beside(x)


@pytest.fixture(scope="module")
def arcface(tmp_path_factory):
    """A little network with the operators of the published ones."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.PReLU(8), Residual(8, 12), Residual(12, 16), nn.Dropout(), nn.Flatten(),
        nn.Linear(16 * 14 * 14, 32), nn.BatchNorm1d(32),
    )  # fmt: skip
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    file = tmp_path_factory.mktemp("arcface") / "arcface.onnx"
    axes = {"input": {0: "n"}, "output": {0: "n"}}
    torch.onnx.export(
        net.eval(), (torch.zeros(1, 3, SIDE, SIDE),), str(file), dynamo=False, do_constant_folding=False,
        input_names=["input"], output_names=["output"], dynamic_axes=axes,
    )  # fmt: skip
    return str(file)


@pytest.mark.parametrize("which", ["mini:identity", "arcface"])
def test_an_onnx_network_says_by_torch_what_it_says_by_onnxruntime(which, request):
    reference = which if ":" in which else request.getfixturevalue(which)
    run, _ = session(reference)
    rgb = torch.rand(3, 3, SIDE, SIDE) * 2 - 1
    (expected,) = run.run(None, {run.get_inputs()[0].name: rgb.numpy()})
    x = rgb.requires_grad_()
    found = OnnxAsTorch(reference)(x)
    assert np.allclose(found.detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().max()) > 0


def test_other_operators_and_other_files_are_refused_by_name(tmp_path):
    file = tmp_path / "sine.onnx"
    torch.onnx.export(Sine(), (torch.zeros(1, 3),), str(file), dynamo=False)
    with pytest.raises(ModelError, match="uses Sin, through which no gradient passes"):
        OnnxAsTorch(str(file))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelError, match="is no ONNX file"):
        OnnxAsTorch(str(tmp_path / "text.onnx"))


class Sine(nn.Module):
    def forward(self, x):
        return x.sin()


@pytest.mark.parametrize(("side", "pixels"), [(30.0, 40), (60.0, 24)])
def test_a_crop_with_gradients_is_the_crop_without(side, pixels):
    """Shrunk by more than a hair, the one averages nearest pixels and the other blends of four: the same but for noise."""
    rows = np.linspace(0, 6, 64)
    smooth = 127 + 100 * np.sin(rows[:, None] + np.array([0, 1, 2])[:, None, None] * rows)
    rgb_HWC = np.stack(list(smooth), -1).astype(np.uint8)
    map_23 = turned_square((33.0, 30.0), side, 12.0, pixels)
    expected = warp(rgb_HWC, map_23, (pixels, pixels))
    x = torch.from_numpy(rgb_HWC).permute(2, 0, 1)[None].float().requires_grad_()
    made = warped(x, map_23[None], pixels)
    apart = np.abs(made[0].detach().numpy() - expected)
    assert apart.mean() < (1e-3 if side < 1.2 * pixels else 1.5)
    made.sum().backward()
    assert float(x.grad.abs().max()) > 0


def test_a_face_aligned_with_gradients_is_who_it_is():
    rng = np.random.default_rng(0)
    rgb_HWC = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    five = np.array([[22.0, 26], [42, 25], [32, 36], [25, 46], [40, 46]])
    crop = warp(rgb_HWC, np.eye(2, 3), (64, 64))
    assert crop.shape == (3, 64, 64)
    net, embedder = OnnxAsTorch("mini:identity"), ArcFaceEmbedder("mini:identity")
    made = net(torch.from_numpy((aligned(rgb_HWC, five) - 127.5) / 127.5)[None].float())[0]
    assert float(made @ torch.from_numpy(embedder.embed(rgb_HWC, five))) == pytest.approx(1, abs=1e-4)
