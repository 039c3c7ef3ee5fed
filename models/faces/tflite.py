"""Runs MediaPipe's networks of TensorFlow Lite on a CPU, without OpenGL.

They take one square picture and answer some tensors; what is asked of them here is how many numbers each holds.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from models.faces.native_output import without_native_output
from models.weights.references import ModelError

MAGIC = b"TFL3"


class SquareNet:
    """A network whose input is one picture (1, side, side, 3), float32. Runs on one thread, as workers are one to a core."""

    def __init__(self, data: bytes, name: str):
        self.name = name
        if data[4:8] != MAGIC:
            raise ModelError(
                f"{name} is not a TensorFlow Lite model: it lacks the mark {MAGIC!r} at its start"
            )
        with without_native_output():
            try:
                self._net = Interpreter(model_content=data, num_threads=1)
                self._net.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise ModelError(
                    f"{name} is not a TensorFlow Lite model that can be run here: {error}"
                ) from error
        (given,), self._outputs = self._net.get_input_details(), self._net.get_output_details()
        shape = tuple(int(size) for size in given["shape"])
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or given["dtype"] is not np.float32:
            raise ModelError(f"{name} takes {shape}, not one square picture in colours")
        self._given, self.side = given["index"], shape[1]
        self.sizes = [int(np.prod(one["shape"])) for one in self._outputs]
        """How many numbers each output holds."""

    def __call__(self, rgb_HW3: np.ndarray) -> list[np.ndarray]:
        """Returns each output as one row of numbers."""
        self._net.set_tensor(self._given, np.ascontiguousarray(rgb_HW3[None], np.float32))
        self._net.invoke()
        return [self._net.get_tensor(one["index"]).reshape(-1) for one in self._outputs]
