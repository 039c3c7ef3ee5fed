"""Runs ArcFace-like networks of ONNX files by torch, so that gradients pass: the very file that filters pairs teaches.

    net = OnnxAsTorch("mini:identity")
    vector_BD = net(rgb_B3HW)

It knows the operators of such networks (convolutions, norms, PReLU, one matrix at the end) and refuses others by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, batch_norm, conv2d, linear, prelu

from models.weights.references import ModelError, resolve

Attributes = Mapping[str, Any]


class OnnxAsTorch(nn.Module):
    """One input, one output; its weights are frozen."""

    def __init__(self, reference: str):
        super().__init__()
        path = resolve(reference)
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:  # protobuf's errors have no common base
            raise ModelError(f"{path} is no ONNX file: {error}") from error
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS) - {"Constant"})
        if unknown:
            raise ModelError(
                f"{path} uses {', '.join(unknown)}, through which no gradient passes here; give an ArcFace-like network"
            )
        self._keys: dict[str, str] = {}
        for one in graph.initializer:
            self._keep(one.name, one)
        for node in graph.node:
            if node.op_type == "Constant":
                self._keep(node.output[0], node.attribute[0].t)
        self._nodes = [
            (node.op_type, list(node.input), list(node.output), _attributes(node))
            for node in graph.node
            if node.op_type != "Constant"
        ]
        (self._input,) = [one.name for one in graph.input if one.name not in self._keys]
        self._output = graph.output[0].name

    def forward(self, x: Tensor) -> Tensor:
        """Returns what the network says of some pictures."""
        values = {name: getattr(self, key) for name, key in self._keys.items()} | {self._input: x}
        for kind, inputs, outputs, attributes in self._nodes:
            given = [values[name] if name else None for name in inputs]
            values[outputs[0]] = OPERATORS[kind](given, attributes)
        return values[self._output]

    def _keep(self, name: str, stored: Any) -> None:
        self._keys[name] = f"value_{len(self._keys)}"
        self.register_buffer(self._keys[name], torch.from_numpy(numpy_helper.to_array(stored).copy()))


def _attributes(node: Any) -> Attributes:
    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}


def _conv(given: list, said: Attributes) -> Tensor:
    pads = said.get("pads", [0, 0, 0, 0])
    assert pads[:2] == pads[2:], f"padding {pads} differs from side to side"
    more = {"stride": said.get("strides", [1, 1]), "dilation": said.get("dilations", [1, 1])}
    bias = given[2] if len(given) > 2 else None
    return conv2d(given[0], given[1], bias, padding=pads[:2], groups=said.get("group", 1), **more)


def _norm(given: list, said: Attributes) -> Tensor:
    x, weight, bias, mean, variance = given
    return batch_norm(x, mean, variance, weight, bias, eps=said.get("epsilon", 1e-5))


def _gemm(given: list, said: Attributes) -> Tensor:
    matrix = given[1] if said.get("transB") else given[1].T
    found = said.get("alpha", 1.0) * linear(given[0], matrix)
    return found + said.get("beta", 1.0) * given[2] if len(given) > 2 else found


def _prelu(given: list, _said: Attributes) -> Tensor:
    return prelu(given[0], given[1].flatten())


def _length(given: list, said: Attributes) -> Tensor:
    return given[0].norm(dim=_axes(given, said), keepdim=bool(said.get("keepdims", 1)))


def _unsqueezed(given: list, said: Attributes) -> Tensor:
    found = given[0]
    for axis in sorted(_axes(given, said)):
        found = found.unsqueeze(axis)
    return found


def _axes(given: list, said: Attributes) -> tuple[int, ...]:
    """An attribute in older files, an input in newer ones."""
    return tuple(said["axes"] if "axes" in said else given[1].tolist())


def _clip(given: list, said: Attributes) -> Tensor:
    low, high = [*given, None, None][1:3] if len(given) > 1 else (said.get("min"), said.get("max"))
    return given[0].clamp(low, high)


OPERATORS: Mapping[str, Callable[[list, Attributes], Tensor]] = {
    "Add": lambda given, _: given[0] + given[1],
    "BatchNormalization": _norm,
    "Clip": _clip,
    "Conv": _conv,
    "Div": lambda given, _: given[0] / given[1],
    "Dropout": lambda given, _: given[0],
    "Expand": lambda given, _: given[0].expand(given[1].tolist()),
    "Flatten": lambda given, said: given[0].flatten(said.get("axis", 1)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda given, _: adaptive_avg_pool2d(given[0], 1),
    "Identity": lambda given, _: given[0],
    "MatMul": lambda given, _: given[0] @ given[1],
    "Mul": lambda given, _: given[0] * given[1],
    "PRelu": _prelu,
    "ReduceL2": _length,
    "Relu": lambda given, _: given[0].relu(),
    "Reshape": lambda given, _: given[0].reshape(given[1].tolist()),
    "Shape": lambda given, _: torch.tensor(given[0].shape),
    "Squeeze": lambda given, said: given[0].squeeze(_axes(given, said)),
    "Sub": lambda given, _: given[0] - given[1],
    "Unsqueeze": _unsqueezed,
}
