"""Opens an ONNX file by reference, on one thread: workers are one to a core."""

from pathlib import Path

import onnxruntime

from models.weights.references import ModelError, resolve


def session(reference: str) -> tuple[onnxruntime.InferenceSession, Path]:
    """Opens a session on a GPU where the runtime has one, else on the CPU, and returns the file's path as well."""
    path = resolve(reference)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    wanted, there = ("CUDAExecutionProvider", "CPUExecutionProvider"), onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=[name for name in wanted if name in there]
        ), path
    except Exception as error:  # its own error classes are built in C++ and share no base but this
        raise ModelError(f"{path} is not an ONNX model that can be run: {error}") from error
